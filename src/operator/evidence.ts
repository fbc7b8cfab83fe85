/** What `doctor` goes by: every node's own word, asked once and side by side. */
import type {ClusterClient} from '../client/cluster-client.js'
import {mergeStatus} from '../client/cluster-status.js'
import {pause} from '../client/deadline.js'
import type {AppliedMembership, ClusterStatus, NodeStatus, Snapshot} from '../client/types.js'
import {RaftctlError} from '../errors.js'
import {diffLogs, type LogDiff} from './log-diff.js'
import {openLogSource} from './log-source.js'
import {compareState, type StateComparison} from './state-hash.js'
import {timedStatus} from './timed-status.js'

/** How long a node may take to say how it is. */
const ASK_MS = 1_500
/** A member that applies a membership a moment later than others is not behind. */
const SECOND_LOOK_MS = 500
/** Of long logs only the newest entries are compared. */
const COMPARED_ENTRIES = 4_096

export interface Answer {
  readonly address: string
  /** Given on the command line or by the context, and not merely found in the membership. */
  readonly configured: boolean
  readonly node: NodeStatus | undefined
  /** Why there is no answer, as one sentence. */
  readonly failure: string | undefined
  /** Its clock minus ours, give or take `uncertaintyMs`. */
  readonly skewMs: number
  readonly uncertaintyMs: number
}

export type Comparison =
  | {readonly kind: 'compared'; readonly members: readonly [number, number]; readonly diff: LogDiff}
  | {readonly kind: 'skipped'; readonly members: readonly [number, number]; readonly why: string}

export interface Evidence {
  readonly clusterId: string
  readonly answers: readonly Answer[]
  readonly status: ClusterStatus
  /** The members that answered, on their own disks. */
  readonly nodes: readonly NodeStatus[]
  /** Members that were behind the newest membership, still so when asked again. */
  readonly onOldMembership: readonly NodeStatus[]
  /** Each of the others against the first that answers. */
  readonly comparisons: readonly Comparison[]
  /** By member: its newest snapshot, undefined for none; absent: not to be found out. */
  readonly snapshots: ReadonlyMap<number, Snapshot | undefined>
  readonly history: readonly AppliedMembership[]
  /** undefined: not asked for, as taking it writes an entry. */
  readonly state: StateComparison | undefined
  /** What could not be looked at, as a sentence each. */
  readonly skipped: readonly string[]
  readonly nowMs: number
}

export interface GatherOptions {
  readonly endpoints: readonly string[]
  /** The id that the context pins. */
  readonly clusterId: string | undefined
  /** Compares the members' states too, which writes an entry to the log. */
  readonly state?: boolean | undefined
}

/** RAFTCTL_UNREACHABLE, RAFTCTL_NOT_INITIALISED and the like when no member answers at all. */
export async function gatherEvidence(
  client: ClusterClient,
  {endpoints, clusterId: pinned, state = false}: GatherOptions,
): Promise<Evidence> {
  const answers = await askAll(client, endpoints, pinned)
  const clusterId = pinned ?? mostCommon(answers.map(({node}) => node?.clusterId ?? ''))
  const nodes = unique(
    answers.flatMap(({node}) =>
      node !== undefined && node.clusterId === clusterId && node.raftRole !== 'removed'
        ? [node]
        : [],
    ),
  )
  if (clusterId === undefined || nodes.length === 0) {
    // It knows best why: nothing listens, pristine nodes, another cluster.
    await client.clusterStatus()
    throw new RaftctlError('RAFTCTL_UNREACHABLE', 'no member answers', {
      hint: 'Check that the nodes run and that the endpoints are right.',
    })
  }
  const status = mergeStatus(clusterId, {
    answers: nodes,
    failures: new Map(answers.map(({address, failure = ''}) => [address, failure])),
    strangers: answers.flatMap(({node}) =>
      node !== undefined && node.clusterId !== clusterId ? [node] : [],
    ),
  })
  const skipped: string[] = []
  const tolerate = async <T, U>(
    what: string,
    look: () => Promise<T>,
    otherwise: U,
  ): Promise<T | U> => {
    try {
      return await look()
    } catch (error) {
      if (!(error instanceof RaftctlError) || error.code === 'RAFTCTL_INTERRUPTED') throw error
      skipped.push(`${what}: ${error.message}`)
      return otherwise
    }
  }
  const onOldMembership = await secondLook(client, nodes)
  const snapshots = new Map<number, Snapshot | undefined>()
  for (const {nodeId, endpoint} of nodes) {
    const look = async () => {
      snapshots.set(nodeId, (await client.listSnapshots(endpoint)).at(-1))
    }
    await tolerate(`snapshots of member ${nodeId}`, look, undefined)
  }
  const history =
    status.leaderId === null ? [] : await tolerate('history', () => client.membershipHistory(), [])
  return {
    clusterId,
    answers,
    status,
    nodes,
    onOldMembership,
    comparisons: await compareLogs(client, status, nodes),
    snapshots,
    history,
    state: state ? await tolerate('state', () => compareState(client), undefined) : undefined,
    skipped,
    nowMs: Date.now(),
  }
}

/** The endpoints, and the members that they tell of. */
async function askAll(
  client: ClusterClient,
  endpoints: readonly string[],
  clusterId: string | undefined,
): Promise<Answer[]> {
  const answers: Answer[] = []
  const asked = new Set<string>()
  const visit = async (address: string, configured: boolean): Promise<void> => {
    if (asked.has(address)) return
    asked.add(address)
    const answer = await ask(client, address, configured)
    answers.push(answer)
    const {node} = answer
    // The members of a foreign cluster are none of ours.
    if (node === undefined || (clusterId !== undefined && node.clusterId !== clusterId)) return
    await Promise.all(node.membership.members.map(member => visit(member.address, false)))
  }
  await Promise.all(endpoints.map(endpoint => visit(endpoint, true)))
  return answers
}

async function ask(client: ClusterClient, address: string, configured: boolean): Promise<Answer> {
  try {
    const timed = await timedStatus(client, address, Math.min(ASK_MS, client.timeoutMs))
    return {address, configured, failure: undefined, ...timed}
  } catch (error) {
    if (!(error instanceof RaftctlError) || error.code === 'RAFTCTL_INTERRUPTED') throw error
    const failure = error.message
    return {address, configured, node: undefined, failure, skewMs: 0, uncertaintyMs: 0}
  }
}

async function secondLook(
  client: ClusterClient,
  nodes: readonly NodeStatus[],
): Promise<NodeStatus[]> {
  const newest = Math.max(...nodes.map(node => node.membership.index))
  const suspects = nodes.filter(node => node.membership.index < newest)
  if (suspects.length === 0) return []
  await pause(SECOND_LOOK_MS, client.signal)
  const again = await Promise.all(suspects.map(({endpoint}) => ask(client, endpoint, false)))
  return again.flatMap(({node}) =>
    node !== undefined && node.membership.index < newest ? [node] : [],
  )
}

async function compareLogs(
  client: ClusterClient,
  status: ClusterStatus,
  nodes: readonly NodeStatus[],
): Promise<Comparison[]> {
  const [first, ...others] = nodes
    .filter(node => status.members.some(({id, reachable}) => id === node.nodeId && reachable))
    .sort((a, b) => a.nodeId - b.nodeId)
  const comparisons: Comparison[] = []
  for (const other of others) {
    const members = [first!.nodeId, other.nodeId] as const
    try {
      const a = await openLogSource(async () => client, String(first!.nodeId))
      const b = await openLogSource(async () => client, String(other.nodeId))
      comparisons.push({kind: 'compared', members, diff: await diffLogs(a, b, COMPARED_ENTRIES)})
    } catch (error) {
      if (!(error instanceof RaftctlError) || error.code === 'RAFTCTL_INTERRUPTED') throw error
      comparisons.push({kind: 'skipped', members, why: error.message})
    }
  }
  return comparisons
}

/** One answer a node, however many names it is reached by. */
function unique(nodes: readonly NodeStatus[]): NodeStatus[] {
  return nodes.filter(
    (node, i) =>
      nodes.findIndex(({nodeId, storeId}) => nodeId === node.nodeId && storeId === node.storeId) ===
      i,
  )
}

function mostCommon(clusterIds: readonly string[]): string | undefined {
  const counts = new Map<string, number>()
  for (const id of clusterIds) if (id !== '') counts.set(id, (counts.get(id) ?? 0) + 1)
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0]
}
