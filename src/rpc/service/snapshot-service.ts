import type {NodeHost} from '../../node/api.js'
import {snapshotToWire} from '../codec.js'
import {type SnapshotServiceServer, SnapshotServiceService} from '../gen/raftctl/v1/snapshot.js'
import {type ServiceEntry, unary} from '../handler.js'
import {runtimeOf} from './not-initialised.js'

export function snapshotService(host: NodeHost): ServiceEntry {
  const handlers: SnapshotServiceServer = {
    create: unary(async () => {
      const runtime = runtimeOf(host)
      return snapshotToWire(await runtime.createSnapshot(), runtime.status().nodeId)
    }),
    list: unary(async () => {
      const runtime = runtimeOf(host)
      const {nodeId} = runtime.status()
      return {snapshots: runtime.listSnapshots().map(info => snapshotToWire(info, nodeId))}
    }),
  }
  return {definition: SnapshotServiceService, handlers}
}
