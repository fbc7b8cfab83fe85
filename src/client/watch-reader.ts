import {toSafeNumber} from '../rpc/codec.js'
import {CallFailure, SILENCE_MAX_MS, serverStream, unwrap} from './call.js'
import type {Connections} from './connections.js'
import {backoffMs, deadlineAfter, pause} from './deadline.js'
import {isPassing, type Router} from './router.js'
import type {KeyChange, WatchOptions} from './types.js'

export interface Watching extends WatchOptions {
  /** How long to look for a leader before giving up. */
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
}

/**
 * Every change in log order, over changes of the leader: a stream that broke goes on behind the last
 * version that it covered. Where the leader does not hold what follows that, as after a restart, any
 * other member may; RAFTCTL_LOG_COMPACTED when none does.
 */
export async function* watchChanges(
  router: Router,
  connections: Connections,
  {start, end, after, timeoutMs, signal}: Watching,
): AsyncGenerator<KeyChange> {
  let version = after
  let deadline = deadlineAfter(timeoutMs)
  /** Members that do not hold what follows, or can't be asked; and what the first of them said. */
  const tried = new Set<string>()
  let compacted: CallFailure | undefined
  for (let attempt = 0; ; attempt++) {
    let address: string | undefined
    try {
      address = compacted === undefined ? await router.leader(deadline) : untried(router, tried)
      if (address === undefined) throw compacted
      const node = connections.to(address)
      const request = {
        start: Buffer.from(start ?? []),
        end: Buffer.from(end ?? []),
        afterVersion: version === undefined ? undefined : BigInt(version),
      }
      const stream = serverStream(address, {idleMs: SILENCE_MAX_MS, signal}, metadata =>
        node.kv.watch(request, metadata),
      )
      for await (const page of stream) {
        for (const {op, key, value, version: at} of page.changes) {
          yield {op: op === 'delete' ? 'delete' : 'put', key, value, version: toSafeNumber(at)}
          version = toSafeNumber(at)
        }
        version = toSafeNumber(page.version)
        attempt = 0
        deadline = deadlineAfter(timeoutMs)
        tried.clear()
        compacted = undefined
      }
    } catch (error) {
      if (!(error instanceof CallFailure) || error === compacted) throw unwrap(error)
      const isCompacted = error.error.code === 'RAFTCTL_LOG_COMPACTED'
      if (!isCompacted && (!isPassing(error) || deadline.expired())) throw unwrap(error)
      if (isCompacted) compacted ??= error
      if (compacted !== undefined) {
        tried.add(address!)
        continue
      }
    }
    if (address !== undefined) router.leaderWas(address)
    await pause(backoffMs(attempt), signal)
  }
}

function untried(router: Router, tried: ReadonlySet<string>): string | undefined {
  return router.membership?.members.find(({address}) => !tried.has(address))?.address
}
