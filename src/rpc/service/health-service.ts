/**
 * The standard health service. "" is the process: serving as long as it answers. "raftctl.group.1"
 * is the Raft group: serving while this node is a member of it and knows a leader.
 */
import * as grpc from '@grpc/grpc-js'
import type {NodeHost} from '../../node/api.js'
import {
  type HealthCheckResponse,
  type HealthServer,
  HealthService,
  HealthCheckResponse_ServingStatus as Serving,
} from '../gen/grpc/health/v1/health.js'
import {type ResponseStream, type ServiceEntry, serverStream} from '../handler.js'

export const GROUP_SERVICE = 'raftctl.group.1'

/** How often a watch looks; a change of leader is reported at once besides. */
const LOOK_MS = 1000

type ServingStatus = HealthCheckResponse['status']

export function healthService(host: NodeHost): ServiceEntry {
  const handlers: HealthServer = {
    check(call, callback) {
      const status = statusOf(host, call.request.service)
      if (status === Serving.SERVICE_UNKNOWN) {
        // The standard asks for a bare status here, not for one of our codes.
        callback({code: grpc.status.NOT_FOUND, details: 'unknown service'})
      } else callback(null, {status})
    },
    watch: serverStream((request, stream) => watch(host, request.service, stream)),
  }
  return {definition: HealthService, handlers}
}

function statusOf(host: NodeHost, service: string): ServingStatus {
  if (service === '') return Serving.SERVING
  if (service !== GROUP_SERVICE) return Serving.SERVICE_UNKNOWN
  return illOf(host) === undefined ? Serving.SERVING : Serving.NOT_SERVING
}

/** Why the group is not served here; undefined: it is. */
export function illOf({removed, runtime}: NodeHost): string | undefined {
  if (runtime === undefined) return 'the node belongs to no cluster yet'
  if (removed) return 'the node was removed from its cluster'
  return runtime.status().leaderId === undefined ? 'the node knows no leader' : undefined
}

async function watch(
  host: NodeHost,
  service: string,
  stream: ResponseStream<HealthCheckResponse>,
): Promise<void> {
  let told: ServingStatus | undefined
  let busy = false
  const look = async () => {
    const status = statusOf(host, service)
    if (busy || status === told) return
    busy = true
    told = status
    await stream.write({status})
    busy = false
  }
  const timer = setInterval(look, LOOK_MS)
  const stopListening = host.runtime?.onChange(look) ?? (() => {})
  try {
    await look()
    await stream.gone
  } finally {
    clearInterval(timer)
    stopListening()
  }
}
