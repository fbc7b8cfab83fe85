import {Metadata} from '@grpc/grpc-js'
import {RaftctlError} from '../errors.js'
import {toSafeNumber, toWireNumber} from '../rpc/codec.js'
import type {UploadFrame, UploadResponse} from '../rpc/gen/raftctl/v1/snapshot.js'
import {failureOf, unwrap} from './call.js'
import type {NodeConnection} from './connections.js'
import {interrupted, spell} from './deadline.js'

export interface SnapshotWrite {
  readonly sizeBytes: number
  readonly pieces: AsyncIterable<Uint8Array>
  /** How long the node may take for a piece. */
  readonly timeoutMs: number
  /** How long it may take to check the whole. */
  readonly checkMs: number
  readonly signal: AbortSignal | undefined
  readonly onBytes?: ((done: number) => void) | undefined
}

/** What the node holds, as it says itself. */
export interface Uploaded {
  /** In hex. */
  readonly sha256: string
  readonly index: number
  readonly term: number
}

/** Sends the file as fast as the node takes it; resolves once that has checked all of it. */
export async function uploadSnapshot(
  node: NodeConnection,
  {sizeBytes, pieces, timeoutMs, checkMs, signal, onBytes}: SnapshotWrite,
): Promise<Uploaded> {
  if (signal?.aborted) throw interrupted()
  let settle: (outcome: {response?: UploadResponse; error?: unknown}) => void = () => {}
  let isOver = false
  const answered = new Promise<{response?: UploadResponse; error?: unknown}>(resolve => {
    settle = outcome => {
      isOver = true
      resolve(outcome)
    }
  })
  const call = node.snapshots.upload(new Metadata(), {}, (error, response) => {
    settle(error ? {error: unwrap(failureOf(error, node.address))} : {response})
  })
  call.on('error', () => {})
  const onAbort = () => settle({error: interrupted()})
  signal?.addEventListener('abort', onAbort, {once: true})
  const late = (ms: number) => {
    const text = `${node.address} took no part of the snapshot for ${spell(ms)}`
    settle({error: new RaftctlError('RAFTCTL_TIMED_OUT', text)})
  }
  let timer: NodeJS.Timeout | undefined
  const expect = (ms: number) => {
    clearTimeout(timer)
    timer = setTimeout(late, ms, ms)
  }
  const send = (frame: UploadFrame) => {
    const taken = new Promise<void>(resolve => call.write(frame, () => resolve()))
    return Promise.race([taken, answered])
  }
  try {
    expect(timeoutMs)
    await send({body: {$case: 'header', value: {sizeBytes: toWireNumber(sizeBytes)}}})
    let sent = 0
    for await (const piece of pieces) {
      if (isOver) break
      await send({body: {$case: 'piece', value: Buffer.from(piece)}})
      expect(timeoutMs)
      sent += piece.length
      onBytes?.(sent)
    }
    call.end()
    expect(checkMs)
    const {response, error} = await answered
    if (response === undefined) throw error
    return {
      sha256: Buffer.from(response.sha256).toString('hex'),
      index: toSafeNumber(response.index),
      term: toSafeNumber(response.term),
    }
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
    call.cancel()
  }
}
