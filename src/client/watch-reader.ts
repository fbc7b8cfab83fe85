import {toSafeNumber} from '../rpc/codec.js'
import {CallFailure, serverStream, unwrap} from './call.js'
import type {Connections} from './connections.js'
import {backoffMs, deadlineAfter, pause} from './deadline.js'
import {isPassing, type Router} from './router.js'
import type {KeyChange, WatchOptions} from './types.js'

/** A quiet node says so every five seconds. */
const SILENCE_MAX_MS = 12_000

export interface Watching extends WatchOptions {
  /** How long to look for a leader before giving up. */
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
}

/**
 * Every change in log order, over changes of the leader: a stream that broke goes on behind the last
 * version that it covered. RAFTCTL_LOG_COMPACTED when the leader does not hold what follows that.
 */
export async function* watchChanges(
  router: Router,
  connections: Connections,
  {start, end, after, timeoutMs, signal}: Watching,
): AsyncGenerator<KeyChange> {
  let version = after
  let deadline = deadlineAfter(timeoutMs)
  for (let attempt = 0; ; attempt++) {
    let address: string | undefined
    try {
      address = await router.leader(deadline)
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
      }
    } catch (error) {
      if (!(error instanceof CallFailure) || !isPassing(error)) throw unwrap(error)
      if (deadline.expired()) throw unwrap(error)
    }
    if (address !== undefined) router.leaderWas(address)
    await pause(backoffMs(attempt), signal)
  }
}
