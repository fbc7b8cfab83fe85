import type {SnapshotStore} from '../../src/node/ports.js'
import type {Membership} from '../../src/raft/membership.js'
import {NodeFigures} from '../../src/rpc/metrics/node-figures.js'
import {PeerTransport} from '../../src/rpc/peer/transport.js'
import {type BoundServer, bindServer} from '../../src/rpc/server.js'
import {nodeServices} from '../../src/rpc/services.js'
import {FakeHost} from './fake-host.js'
import {identityOf, membershipOf} from './support.js'

/** A real port with real services and a real transport, over a fake host. */
export interface FakeNode {
  readonly host: FakeHost
  readonly transport: PeerTransport
  readonly server: BoundServer
  readonly address: string
  snapshots: SnapshotStore | undefined
  stop(): Promise<void>
}

const running = new Set<FakeNode>()

export async function startFake(listen = '127.0.0.1:0', host = new FakeHost()): Promise<FakeNode> {
  const server = await bindServer({listen, graceMs: 50})
  host.address = server.address
  const transport = new PeerTransport({host: () => host, snapshots: () => node.snapshots})
  const node: FakeNode = {
    host,
    transport,
    server,
    address: server.address,
    snapshots: undefined,
    async stop() {
      running.delete(node)
      await transport.stop()
      await server.stop()
    },
  }
  const figures = new NodeFigures({
    host,
    transport,
    openConnections: () => server.connectionCount,
  })
  const membershipHistory = () => host.history
  server.serve(nodeServices({host, transport, figures, membershipHistory, tickMs: 10}))
  running.add(node)
  return node
}

/** n nodes of cluster c1, each of which knows all. */
export async function startCluster(n: number): Promise<[FakeNode[], Membership]> {
  const nodes = await Promise.all(Array.from({length: n}, () => startFake()))
  const membership = membershipOf(nodes.map(node => node.address))
  nodes.forEach((node, i) => {
    node.host.belong(identityOf(i + 1), membership)
  })
  for (const node of nodes) node.transport.setMembership(membership)
  return [nodes, membership]
}

/** For afterEach. */
export async function stopAll(): Promise<void> {
  await Promise.all([...running].map(node => node.stop()))
}
