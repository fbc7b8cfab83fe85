import type {AppliedMembership, NodeHost} from '../node/api.js'
import type {ServiceEntry} from './handler.js'
import type {NodeFigures} from './metrics/node-figures.js'
import type {PeerTransport} from './peer/transport.js'
import type {ChannelSecurity} from './security.js'
import {clusterService} from './service/cluster-service.js'
import {healthService} from './service/health-service.js'
import {logService} from './service/log-service.js'
import {metricsService} from './service/metrics-service.js'
import {snapshotService} from './service/snapshot-service.js'

export interface NodeServicesOptions {
  readonly host: NodeHost
  readonly transport: PeerTransport
  readonly figures: NodeFigures
  /** Kept by the state machine, oldest first; empty on a pristine node. */
  readonly membershipHistory: () => readonly AppliedMembership[]
  /** Milliseconds of one tick of the core. */
  readonly tickMs: number
  /** For calls to other nodes; default plain text. */
  readonly security?: ChannelSecurity
}

/** Everything that a node answers, apart from its state machine's own service. */
export function nodeServices(options: NodeServicesOptions): ServiceEntry[] {
  const {host, transport, figures, membershipHistory, tickMs, security} = options
  return [
    transport.service(),
    clusterService({
      host,
      tickMs,
      security,
      membershipHistory,
      connections: () => transport.connections(),
    }),
    logService(host),
    snapshotService(host),
    metricsService(host, figures),
    healthService(host),
  ]
}
