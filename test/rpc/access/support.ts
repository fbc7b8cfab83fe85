import {createHash} from 'node:crypto'
import * as grpc from '@grpc/grpc-js'
import type {RaftctlError} from '../../../src/errors.js'
import {guardedAccess} from '../../../src/rpc/access/guarded-access.js'
import {towardsNode} from '../../../src/rpc/channel.js'
import {
  type ChangeMembershipRequest,
  ClusterServiceClient,
} from '../../../src/rpc/gen/raftctl/v1/cluster.js'
import type {LogSink} from '../../../src/rpc/log.js'
import {NodeFigures} from '../../../src/rpc/metrics/node-figures.js'
import {PeerTransport} from '../../../src/rpc/peer/transport.js'
import {type ChannelSecurity, PLAIN_TEXT} from '../../../src/rpc/security.js'
import {type BoundServer, bindServer, type ServerOptions} from '../../../src/rpc/server.js'
import {nodeServices} from '../../../src/rpc/services.js'
import {fromServiceError, type StatusLike} from '../../../src/rpc/status.js'
import {FakeHost} from '../fake-host.js'

export const hashOf = (token: string) => createHash('sha256').update(token).digest('hex')

export interface GuardedNode {
  readonly server: BoundServer
  readonly host: FakeHost
  readonly logged: string[]
  readonly access: Awaited<ReturnType<typeof guardedAccess>>
  stop(): Promise<void>
}

/** A pristine node with every service, behind the gate. */
export async function startGuarded(
  tokenFile: string | undefined,
  options: Partial<ServerOptions> = {},
): Promise<GuardedNode> {
  const logged: string[] = []
  const log: LogSink = (level, event, fields) =>
    void logged.push(JSON.stringify({level, event, ...fields}))
  const access = await guardedAccess(tokenFile, log)
  const server = await bindServer({listen: '127.0.0.1:0', graceMs: 50, access, log, ...options})
  const host = new FakeHost()
  host.address = server.address
  const transport = new PeerTransport({host: () => host, snapshots: () => undefined})
  const figures = new NodeFigures({
    host,
    transport,
    openConnections: () => server.connectionCount,
  })
  server.serve(nodeServices({host, transport, figures, tickMs: 10, membershipHistory: () => []}))
  return {
    server,
    host,
    logged,
    access,
    async stop() {
      access.stop()
      await transport.stop()
      await server.stop()
    },
  }
}

/** The role of the node that answers Status, or the failure as a client reads it. */
export async function statusOf(
  address: string,
  security: ChannelSecurity = PLAIN_TEXT,
): Promise<{role: string} | RaftctlError> {
  const client = new ClusterServiceClient(...towardsNode(address, security))
  return new Promise<{role: string} | RaftctlError>(resolve => {
    client.status({}, new grpc.Metadata(), {deadline: Date.now() + 8000}, (error, answer) =>
      resolve(error ? fromServiceError(error, address) : {role: answer.role}),
    )
  }).finally(() => client.close())
}

/** How a call fails that carries exactly this `authorization`. */
export function failureWith(
  address: string,
  authorization: string | undefined,
  start: (
    client: ClusterServiceClient,
    metadata: grpc.Metadata,
    done: (error: StatusLike | null) => void,
  ) => void = (client, metadata, done) => client.status({}, metadata, done),
): Promise<RaftctlError | undefined> {
  const client = new ClusterServiceClient(address, grpc.credentials.createInsecure())
  const metadata = new grpc.Metadata()
  if (authorization !== undefined) metadata.set('authorization', authorization)
  return new Promise<RaftctlError | undefined>(resolve => {
    start(client, metadata, error => resolve(error ? fromServiceError(error) : undefined))
  }).finally(() => client.close())
}

export const NO_CHANGE: ChangeMembershipRequest = {
  change: undefined,
  expectedIndex: 0n,
  origin: undefined,
  whenReady: false,
}
