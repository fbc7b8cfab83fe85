import {RaftctlError} from '../../errors.js'
import type {NodeHost, NodeRuntimeApi} from '../../node/api.js'
import {asBuffer, malformed, snapshotToWire, toSafeNumber, toWireNumber} from '../codec.js'
import {
  type DownloadSnapshotRequest,
  type SnapshotPiece,
  type SnapshotServiceServer,
  SnapshotServiceService,
  type UploadFrame,
  type UploadResponse,
} from '../gen/raftctl/v1/snapshot.js'
import {
  clientStream,
  type ResponseStream,
  type ServiceEntry,
  serverStream,
  unary,
} from '../handler.js'
import {SNAPSHOT_CHUNK_BYTES} from '../limits.js'
import type {MessageReader} from '../message-reader.js'
import {runtimeOf} from './not-initialised.js'

export function snapshotService(host: NodeHost): ServiceEntry {
  const handlers: SnapshotServiceServer = {
    create: unary(async ({linearizable}) => {
      const runtime = runtimeOf(host)
      const atLeast = linearizable ? await runtime.readBarrier() : undefined
      return snapshotToWire(await runtime.createSnapshot(atLeast), runtime.status().nodeId)
    }),
    list: unary(async () => {
      const runtime = runtimeOf(host)
      const {nodeId} = runtime.status()
      return {snapshots: runtime.listSnapshots().map(info => snapshotToWire(info, nodeId))}
    }),
    delete: unary(async ({id}) => {
      await runtimeOf(host).deleteSnapshot(id)
      return {}
    }),
    upload: clientStream(frames => upload(host, frames)),
    download: serverStream((request, stream) => download(runtimeOf(host), request, stream)),
  }
  return {definition: SnapshotServiceService, handlers}
}

/** How long the next piece of an upload may take. */
const UPLOAD_SILENCE_MS = 60_000

async function upload(host: NodeHost, frames: MessageReader<UploadFrame>): Promise<UploadResponse> {
  const first = await frames.next(UPLOAD_SILENCE_MS)
  if (first?.body?.$case !== 'header') throw malformed('the size of the file was expected')
  const sizeBytes = toSafeNumber(first.body.value.sizeBytes)
  const incoming = await host.receiveUpload(sizeBytes)
  try {
    for (let at = 0; at < sizeBytes; ) {
      const frame = await frames.next(UPLOAD_SILENCE_MS)
      if (frame?.body?.$case !== 'piece' || frame.body.value.length === 0) {
        throw malformed('the next bytes of the file were expected')
      }
      await incoming.write(frame.body.value)
      at += frame.body.value.length
    }
    const {sha256, header} = await incoming.finish()
    const {index, term} = header
    return {
      sha256: Buffer.from(sha256, 'hex'),
      index: toWireNumber(index),
      term: toWireNumber(term),
    }
  } catch (error) {
    incoming.abort()
    throw error
  }
}

/** As fast as the caller takes it; the file stays readable though it is dropped meanwhile. */
async function download(
  runtime: NodeRuntimeApi,
  {id, offset: from}: DownloadSnapshotRequest,
  stream: ResponseStream<SnapshotPiece>,
): Promise<void> {
  const info = runtime.listSnapshots().find(snapshot => snapshot.id === id)
  if (info === undefined) {
    throw new RaftctlError('RAFTCTL_SNAPSHOT_NOT_FOUND', `this node holds no snapshot "${id}"`, {
      hint: 'Run "raftctl snapshot list" to see those there are.',
    })
  }
  let offset = toSafeNumber(from)
  const sizeBytes = toWireNumber(info.bytes)
  for await (const chunk of runtime.readSnapshot(id, offset, SNAPSHOT_CHUNK_BYTES)) {
    const piece = {offset: toWireNumber(offset), data: asBuffer(chunk), sizeBytes}
    if (!(await stream.write(piece))) return
    offset += chunk.length
  }
}
