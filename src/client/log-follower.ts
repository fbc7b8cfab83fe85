import {CallFailure, SILENCE_MAX_MS, serverStream, unwrap} from './call.js'
import type {Connections} from './connections.js'
import {backoffMs, deadlineAfter, pause} from './deadline.js'
import {gap, type LogRead} from './log-reader.js'
import {isPassing, type Router} from './router.js'
import type {LogEntry} from './types.js'
import {logEntryOf} from './wire.js'

/**
 * Entries as they commit, each once and in order, up to `to`. A stream that broke goes on at the next
 * index, on the next leader where no address was named; it is given up after `timeoutMs` without any
 * node to go on with. RAFTCTL_LOG_COMPACTED names the first index available.
 */
export async function* followLog(
  router: Router,
  connections: Connections,
  {from, to, address, timeoutMs, signal}: LogRead,
): AsyncGenerator<LogEntry> {
  let next = from
  let deadline = deadlineAfter(timeoutMs)
  for (let attempt = 0; next <= to; attempt++) {
    let at = address
    try {
      at ??= await router.leader(deadline)
      const node = connections.to(at)
      const request = {from: BigInt(next)}
      const stream = serverStream(at, {idleMs: SILENCE_MAX_MS, signal}, metadata =>
        node.log.follow(request, metadata),
      )
      for await (const page of stream) {
        for (const wire of page.entries) {
          const entry = logEntryOf(wire)
          if (next !== 0 && entry.index !== next) throw gap(at, next, entry.index)
          if (entry.index > to) return
          yield entry
          next = entry.index + 1
        }
        if (next > to) return
        attempt = 0
        deadline = deadlineAfter(timeoutMs)
      }
    } catch (error) {
      if (!(error instanceof CallFailure) || !isPassing(error)) throw unwrap(error)
      if (deadline.expired()) throw unwrap(error)
    }
    if (address === undefined && at !== undefined) router.leaderWas(at)
    await pause(backoffMs(attempt), signal)
  }
}
