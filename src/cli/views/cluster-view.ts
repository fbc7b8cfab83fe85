import type {ClusterStatus} from '../../client/types.js'
import type {LocalClusterState, NodeState} from '../../cluster/index.js'
import {tilde} from '../../cluster/paths.js'
import type {View} from '../output.js'
import {shortId} from './status-view.js'

type Environment = Readonly<Record<string, string | undefined>>

/** What a command answers about one local cluster. */
export function clusterRecord(cluster: LocalClusterState) {
  return {
    name: cluster.name,
    state: cluster.state,
    clusterId: cluster.clusterId ?? null,
    directory: cluster.directory,
    nodes: cluster.nodes.map(nodeRecord),
  }
}

export function nodeRecord(node: NodeState) {
  return {
    name: node.name,
    id: node.id ?? null,
    address: node.address,
    running: node.pid !== undefined,
    pid: node.pid ?? null,
    dataDir: node.dataPath,
    log: node.logPath,
  }
}

export function clusterListView(
  clusters: readonly LocalClusterState[],
  current: string | undefined,
  env: Environment,
): View {
  return {
    table: {
      columns: [
        {title: 'name'},
        {title: 'state'},
        {title: 'running'},
        {title: 'id'},
        {title: 'context'},
        {title: 'data', cut: true},
      ],
      rows: clusters.map(cluster => [
        cluster.name,
        cluster.state,
        `${cluster.nodes.filter(node => node.pid !== undefined).length}/${cluster.nodes.length}`,
        shortId(cluster.clusterId),
        cluster.name === current ? 'current' : null,
        tilde(cluster.directory, env),
      ]),
    },
    ids: clusters.map(cluster => cluster.name),
  }
}

export function clusterStateView(cluster: LocalClusterState): View {
  const running = cluster.nodes.filter(node => node.pid !== undefined).length
  return {
    lines: [`cluster ${cluster.name}  ${cluster.state}  ${running}/${cluster.nodes.length} nodes`],
    ids: [cluster.name],
  }
}

export function nodeStateView(node: NodeState, done: string): View {
  const id = node.id === undefined ? '' : `  id ${node.id}`
  const pid = node.pid === undefined ? '' : `  pid ${node.pid}`
  return {lines: [`${node.name}  ${done}${id}  address ${node.address}${pid}`], ids: [node.name]}
}

/** What `init` made, of local processes or of nodes elsewhere. */
export interface InitialisedCluster {
  readonly changed: boolean
  readonly name: string
  readonly clusterId: string | undefined
  /** null: its nodes are elsewhere. */
  readonly directory: string | null
  /** Its context is the current one now. */
  readonly current: boolean
  readonly status: ClusterStatus
}

export function initialisedRecord(made: InitialisedCluster) {
  const {changed, name, clusterId, directory, current, status} = made
  return {
    kind: 'ClusterInitialised',
    changed,
    name,
    clusterId: clusterId ?? null,
    directory,
    context: name,
    current,
    voters: status.voters,
    leaderId: status.leaderId,
    failureTolerance: status.failureToleranceNominal,
    members: status.members.map(({id, name, address}) => ({id, name, address})),
  }
}

/** How `init` ends. */
export function initialisedView(made: InitialisedCluster, env: Environment): View {
  const {name, clusterId, directory, current, status} = made
  const {voters, leaderId, failureToleranceNominal} = status
  const first = directory === null ? 'raftctl status' : 'raftctl kv put hello world'
  return {
    lines: [
      `cluster ${name}  id ${shortId(clusterId)}  ${counted(voters, 'voter')}  ` +
        `leader ${leaderId ?? 'none'}  failure tolerance ${failureToleranceNominal}`,
      ...(directory === null ? [] : [`data     ${tilde(directory, env)}`]),
      current
        ? `context  ${name} (current)`
        : `context  ${name} (not current: "raftctl context use ${name}" switches)`,
      `next     ${current ? first : `raftctl status --context ${name}`}`,
    ],
    ids: [name],
  }
}

/** "1 voter", "3 voters". */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : plural}`
}
