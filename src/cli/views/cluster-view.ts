import type {LocalClusterState, LocalInitialised, NodeState} from '../../cluster/index.js'
import {tilde} from '../../cluster/paths.js'
import type {Initialised} from '../../operator/initialise-nodes.js'
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

export function initRecord({cluster, status}: LocalInitialised, isCurrent: boolean) {
  return {
    kind: 'ClusterInitialised',
    changed: true,
    name: cluster.name,
    clusterId: cluster.clusterId ?? null,
    directory: cluster.directory,
    context: cluster.name,
    current: isCurrent,
    voters: status.voters,
    leaderId: status.leaderId,
    failureTolerance: status.failureToleranceNominal,
    members: status.members.map(({id, name, address}) => ({id, name, address})),
  }
}

/** How `init` ends. */
export function initView(
  {cluster, status}: LocalInitialised,
  isCurrent: boolean,
  env: Environment,
): View {
  const after = isCurrent
    ? [`context  ${cluster.name} (current)`, `next     raftctl kv put hello world`]
    : [
        `context  ${cluster.name} (not current)`,
        `next     raftctl status --context ${cluster.name}`,
      ]
  return {
    lines: [
      `cluster ${cluster.name}  id ${shortId(cluster.clusterId)}  ${counted(status.voters, 'voter')}  ` +
        `leader ${status.leaderId}  failure tolerance ${status.failureToleranceNominal}`,
      `data     ${tilde(cluster.directory, env)}`,
      ...after,
    ],
    ids: [cluster.name],
  }
}

/** What `init --endpoint` made. */
export function initialisedRecord(
  name: string,
  {changed, clusterId, status}: Initialised,
  isCurrent: boolean,
) {
  return {
    kind: 'ClusterInitialised',
    changed,
    name,
    clusterId,
    directory: null,
    context: name,
    current: isCurrent,
    voters: status.voters,
    leaderId: status.leaderId,
    failureTolerance: status.failureToleranceNominal,
    members: status.members.map(({id, name, address}) => ({id, name, address})),
  }
}

export function initialisedView(
  name: string,
  {clusterId, status}: Initialised,
  isCurrent: boolean,
): View {
  return {
    lines: [
      `cluster ${name}  id ${shortId(clusterId)}  ${counted(status.voters, 'voter')}  ` +
        `leader ${status.leaderId ?? 'none'}  failure tolerance ${status.failureToleranceNominal}`,
      isCurrent
        ? `context  ${name} (current)`
        : `context  ${name} (not current: "raftctl context use ${name}" switches)`,
      `next     raftctl status${isCurrent ? '' : ` --context ${name}`}`,
    ],
    ids: [name],
  }
}

/** "1 voter", "3 voters". */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : plural}`
}
