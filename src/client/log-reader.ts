import {RaftctlError} from '../errors.js'
import {toSafeNumber} from '../rpc/codec.js'
import {CallFailure, serverStream, unwrap} from './call.js'
import type {Connections} from './connections.js'
import {backoffMs, deadlineAfter, pause} from './deadline.js'
import {isPassing, type Router} from './router.js'
import type {LogEntry} from './types.js'
import {logEntryOf} from './wire.js'

export interface LogRead {
  /** 0: the first available. */
  readonly from: number
  readonly to: number
  /** undefined: the leader. */
  readonly address: string | undefined
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
}

/**
 * Committed entries never change, so a stream that broke goes on at the next index, on the next
 * leader where none was named. It ends at `to` or at the commit index that the first page showed,
 * whichever comes first, and never earlier without an error. RAFTCTL_INDEX_NOT_FOUND where nothing of
 * the range is committed.
 */
export async function* readLog(
  router: Router,
  connections: Connections,
  {from, to, address, timeoutMs, signal}: LogRead,
): AsyncGenerator<LogEntry> {
  let next = from
  let goal: number | undefined
  let deadline = deadlineAfter(timeoutMs)
  for (let attempt = 0; ; attempt++) {
    let at = address
    let failure: unknown
    try {
      at ??= await router.leader(deadline)
      const node = connections.to(at)
      const request = {from: BigInt(next), to: BigInt(to)}
      const stream = serverStream(at, {idleMs: timeoutMs, signal}, metadata =>
        node.log.logEntriesRange(request, metadata),
      )
      for await (const page of stream) {
        const commitIndex = toSafeNumber(page.commitIndex)
        if (goal === undefined && from > commitIndex) throw notCommitted(at, from, commitIndex)
        goal ??= Math.min(to, commitIndex)
        for (const wire of page.entries) {
          const entry = logEntryOf(wire)
          if (next !== 0 && entry.index !== next) throw gap(at, next, entry.index)
          // A later leader may know more commits than the first page promised.
          if (entry.index > goal) return
          yield entry
          next = entry.index + 1
        }
        attempt = 0
        deadline = deadlineAfter(timeoutMs)
      }
      if (goal === undefined || next > goal) return
    } catch (error) {
      if (!(error instanceof CallFailure) || !isPassing(error)) throw unwrap(error)
      failure = error
    }
    // Broken, or ended early by a leader that does not know the commit index yet.
    if (deadline.expired()) {
      throw failure === undefined ? short(at, next, goal) : unwrap(failure)
    }
    if (address === undefined && at !== undefined) router.leaderWas(at)
    await pause(backoffMs(attempt), signal)
  }
}

export function gap(at: string, expected: number, got: number): RaftctlError {
  return new RaftctlError('RAFTCTL_DATA_DAMAGED', `${at} sent entry ${got} in place of ${expected}`)
}

function notCommitted(at: string, from: number, commitIndex: number): RaftctlError {
  return new RaftctlError(
    'RAFTCTL_INDEX_NOT_FOUND',
    `entry ${from} is not committed: the commit index of ${at} is ${commitIndex}`,
    {
      hint: `Give an index up to ${commitIndex}, or wait with "raftctl wait applied ${from}".`,
      details: {index: from, commitIndex},
    },
  )
}

function short(at: string | undefined, next: number, goal: number | undefined): RaftctlError {
  return new RaftctlError(
    'RAFTCTL_TIMED_OUT',
    `${at} holds no entry ${next}, though ${goal} is committed`,
  )
}
