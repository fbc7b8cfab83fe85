/** `init --endpoint`: pristine nodes on other machines become the voters of one new cluster. */
import {randomBytes} from 'node:crypto'
import type {ClusterClient} from '../client/cluster-client.js'
import type {ChangeOrigin, ClusterStatus, NodeStatus} from '../client/types.js'
import {RaftctlError} from '../errors.js'
import {waitUntil} from './wait-until.js'

export interface Initialised {
  /** False: these nodes were that cluster already. */
  readonly changed: boolean
  readonly clusterId: string
  readonly status: ClusterStatus
}

export interface InitialiseOptions {
  readonly origin: ChangeOrigin
  /** Until a leader is there. */
  readonly timeoutMs: number
  /** The cluster that the wanted name stands for already; these nodes must be it. */
  readonly taken: string | undefined
}

/**
 * Makes the nodes at `endpoints` a cluster of as many voters, and waits until one leads. Run again
 * after it was cut short, it completes what it began: the id that a node already has is taken.
 *
 * RAFTCTL_NOT_PRISTINE: a node belongs to another cluster; RAFTCTL_UNREACHABLE: a node does not
 * answer; RAFTCTL_CLUSTER_EXISTS: the name is taken; all before anything is changed. RAFTCTL_TIMED_OUT: no leader yet.
 */
export async function initialiseNodes(
  client: ClusterClient,
  endpoints: readonly string[],
  {origin, timeoutMs, taken}: InitialiseOptions,
): Promise<Initialised> {
  const nodes = await Promise.all(endpoints.map(endpoint => client.nodeStatus(endpoint)))
  checkDistinct(nodes)
  for (const node of nodes) checkAdvertised(node)
  const begun = clusterOf(nodes)
  if (taken !== undefined && begun !== taken) throw nameTaken(taken)
  const clusterId = begun ?? randomBytes(16).toString('hex')
  const changed = nodes.some(node => node.clusterId === '')
  if (changed) await client.initialise(endpoints[0]!, clusterId, votersOf(nodes), origin)
  await waitUntil(client, {kind: 'leader'}, {timeoutMs})
  return {changed, clusterId, status: await client.clusterStatus()}
}

export function nameTaken(clusterId: string): RaftctlError {
  return new RaftctlError(
    'RAFTCTL_CLUSTER_EXISTS',
    `the name stands for cluster ${clusterId}, which these nodes are not`,
    {hint: 'Take another --name, or run "raftctl context remove" first.'},
  )
}

/** The cluster that some of the nodes are in already; undefined for none. */
export function clusterOf(nodes: readonly NodeStatus[]): string | undefined {
  const members = nodes.filter(node => node.clusterId !== '')
  const [first] = members
  const other = members.find(node => node.clusterId !== first?.clusterId)
  if (first && other) {
    throw new RaftctlError(
      'RAFTCTL_NOT_PRISTINE',
      `${first.endpoint} is of cluster ${first.clusterId}, ${other.endpoint} of ${other.clusterId}`,
      {hint: 'Give every new node an empty data directory.'},
    )
  }
  const outsider = members.find(({membership}) => membership.members.length > nodes.length)
  if (outsider) {
    throw new RaftctlError(
      'RAFTCTL_NOT_PRISTINE',
      `${outsider.endpoint} is of cluster ${outsider.clusterId}, which has other members too`,
      {hint: 'To add nodes to it, use "raftctl member add HOST:PORT".'},
    )
  }
  return first?.clusterId
}

export function checkDistinct(nodes: readonly NodeStatus[]): void {
  for (const [i, node] of nodes.entries()) {
    const twin = nodes.slice(0, i).find(({storeId}) => storeId === node.storeId)
    if (!twin) continue
    throw new RaftctlError(
      'RAFTCTL_USAGE',
      `${twin.endpoint} and ${node.endpoint} are the same node`,
      {hint: 'Give each node once.'},
    )
  }
}

/** The others will dial what a node says of itself, so that has to lead somewhere. */
export function checkAdvertised({endpoint, address}: NodeStatus): void {
  if (!address.startsWith('0.0.0.0:') && !address.startsWith('[::]:')) return
  throw new RaftctlError(
    'RAFTCTL_USAGE',
    `the node at ${endpoint} says that it is reached at ${address}, which is every address and none`,
    {hint: 'Start it with --advertise HOST:PORT.'},
  )
}

/** Ids follow the order given. A name that two nodes have, such as a host's, is nobody's. */
export function votersOf(nodes: readonly NodeStatus[]) {
  return nodes.map(({name, address}) => {
    const isUnique = nodes.filter(other => other.name === name).length === 1
    return {name: isUnique && !/^\d+$/.test(name) ? name : '', address}
  })
}
