import {RaftctlError} from '../../errors.js'
import type {NodeHost, NodeRuntimeApi} from '../../node/api.js'
import {asBuffer, snapshotToWire, toSafeNumber, toWireNumber} from '../codec.js'
import {
  type DownloadSnapshotRequest,
  type SnapshotPiece,
  type SnapshotServiceServer,
  SnapshotServiceService,
} from '../gen/raftctl/v1/snapshot.js'
import {type ResponseStream, type ServiceEntry, serverStream, unary} from '../handler.js'
import {SNAPSHOT_CHUNK_BYTES} from '../limits.js'
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
    download: serverStream((request, stream) => download(runtimeOf(host), request, stream)),
  }
  return {definition: SnapshotServiceService, handlers}
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
