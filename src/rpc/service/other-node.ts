import * as grpc from '@grpc/grpc-js'
import {towardsNode} from '../channel.js'
import {
  ClusterServiceClient,
  type JoinRequest,
  type StatusResponse,
} from '../gen/raftctl/v1/cluster.js'
import type {ChannelSecurity} from '../security.js'
import {fromServiceError} from '../status.js'

const DEADLINE_MS = 5000

/** One call to another node, on a connection of its own. Rejects with a RaftctlError. */
function callOnce<Response>(
  address: string,
  security: ChannelSecurity,
  start: (
    client: ClusterServiceClient,
    options: Partial<grpc.CallOptions>,
    done: (error: grpc.ServiceError | null, response: Response) => void,
  ) => void,
): Promise<Response> {
  const client = new ClusterServiceClient(...towardsNode(address, security))
  return new Promise<Response>((resolve, reject) => {
    start(client, {deadline: Date.now() + DEADLINE_MS}, (error, response) => {
      if (error) reject(fromServiceError(error, address))
      else resolve(response)
    })
  }).finally(() => client.close())
}

export function statusOfOther(address: string, security: ChannelSecurity): Promise<StatusResponse> {
  return callOnce(address, security, (client, options, done) => {
    client.status({}, new grpc.Metadata(), options, done)
  })
}

export async function joinOther(
  address: string,
  security: ChannelSecurity,
  request: JoinRequest,
): Promise<void> {
  await callOnce(address, security, (client, options, done) => {
    client.join(request, new grpc.Metadata(), options, done)
  })
}
