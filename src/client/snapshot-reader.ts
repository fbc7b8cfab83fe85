import {RaftctlError} from '../errors.js'
import {toSafeNumber} from '../rpc/codec.js'
import {CallFailure, serverStream, unwrap} from './call.js'
import type {NodeConnection} from './connections.js'
import {backoffMs, deadlineAfter, pause} from './deadline.js'
import {isPassing} from './router.js'

export interface SnapshotRead {
  readonly id: string
  /** How long the next piece may take, however often the stream has to be begun again. */
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
}

/** A snapshot's file never changes, so a stream that broke goes on at the next byte. */
export async function* downloadSnapshot(
  node: NodeConnection,
  {id, timeoutMs, signal}: SnapshotRead,
): AsyncGenerator<Uint8Array> {
  let next = 0
  let size: number | undefined
  let deadline = deadlineAfter(timeoutMs)
  for (let attempt = 0; ; attempt++) {
    let failure: unknown
    try {
      const request = {id, offset: BigInt(next)}
      const stream = serverStream(node.address, {idleMs: timeoutMs, signal}, metadata =>
        node.snapshots.download(request, metadata),
      )
      for await (const {offset, data, sizeBytes} of stream) {
        if (toSafeNumber(offset) !== next) throw torn(node.address, id, next)
        size = toSafeNumber(sizeBytes)
        yield data
        next += data.length
        attempt = 0
        deadline = deadlineAfter(timeoutMs)
      }
      if (size !== undefined && next === size) return
    } catch (error) {
      if (!(error instanceof CallFailure) || !isPassing(error)) throw unwrap(error)
      failure = error
    }
    if (deadline.expired())
      throw failure === undefined ? torn(node.address, id, next) : unwrap(failure)
    await pause(backoffMs(attempt), signal)
  }
}

function torn(address: string, id: string, offset: number): RaftctlError {
  return new RaftctlError(
    'RAFTCTL_UNREACHABLE',
    `${address} did not send snapshot ${id} from byte ${offset} on`,
    {hint: 'Try again, or save another: "raftctl snapshot list".'},
  )
}
