/**
 * One follower of the log: writes what is committed, waits for more.
 *
 *   page written ──▶ next moves on ──▶ (nothing more) ──▶ commit index moves, or a second goes by
 *        ├── compacted meanwhile ──▶ RAFTCTL_LOG_COMPACTED
 *        └── no leader for a while ──▶ RAFTCTL_NO_LEADER: another node knows more
 */
import {RaftctlError} from '../../errors.js'
import type {NodeRuntimeApi} from '../../node/api.js'
import {logIndex} from '../../raft/types.js'
import {logEntryToWire, toSafeNumber} from '../codec.js'
import type {FollowRequest, LogEntriesPage} from '../gen/raftctl/v1/log.js'
import type {ResponseStream} from '../handler.js'
import {LOG_PAGE_BYTES} from '../limits.js'
import {compacted, pageOf} from './log-pages.js'

/** A page without entries says that all is quiet, and how far the log is committed. */
const QUIET_MS = 1000
/** So many quiet moments without a leader: here nothing more would come. */
const LEADERLESS_MAX = 2
const LAST = logIndex(Number.MAX_SAFE_INTEGER)

export async function followLog(
  runtime: NodeRuntimeApi,
  request: FollowRequest,
  stream: ResponseStream<LogEntriesPage>,
): Promise<void> {
  const {firstIndex} = runtime.status()
  let next = toSafeNumber(request.from) || firstIndex
  if (next < firstIndex) throw compacted(next, firstIndex)

  let wake = () => {}
  const stop = runtime.onCommit(() => wake())
  void stream.gone.then(() => wake())
  try {
    let isQuiet = true
    for (let leaderless = 0; !stream.ended && leaderless < LEADERLESS_MAX; ) {
      const range = runtime.logEntriesRange(logIndex(next), LAST, LOG_PAGE_BYTES)
      if (range.kind === 'log-compacted') throw compacted(next, range.firstIndex)
      const last = range.entries.at(-1)
      if (last !== undefined || isQuiet) {
        const page = pageOf(range.entries.map(logEntryToWire), range.commitIndex, range.firstIndex)
        if (!(await stream.write(page))) return
      }
      isQuiet = false
      if (last !== undefined) {
        next = last.index + 1
        continue
      }
      // It may have moved while the page was written.
      if (runtime.status().commitIndex >= next) continue
      isQuiet = await quietUntil(resolve => {
        wake = resolve
      })
      leaderless = runtime.status().leaderId === undefined ? leaderless + 1 : 0
    }
  } finally {
    stop()
  }
  if (!stream.ended) throw unled()
}

/** False once it is woken, true when nothing came for QUIET_MS. */
function quietUntil(onWake: (wake: () => void) => void): Promise<boolean> {
  return new Promise(resolve => {
    const timer = setTimeout(() => resolve(true), QUIET_MS)
    onWake(() => {
      clearTimeout(timer)
      resolve(false)
    })
  })
}

function unled(): RaftctlError {
  return new RaftctlError(
    'RAFTCTL_NO_LEADER',
    'this node follows no leader: it hears of no commits',
  )
}
