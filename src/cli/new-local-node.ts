import type {ClusterClient} from '../client/cluster-client.js'
import type {LocalCluster} from '../cluster/index.js'

/**
 * The address of a node of a local cluster that may become a member: one that an earlier attempt
 * left pristine, else a new one. It runs when this resolves.
 */
export async function newLocalNode(cluster: LocalCluster, client: ClusterClient): Promise<string> {
  const {nodeStates, startNewNode, startNode} = await import('../cluster/index.js')
  // First of all: without a leader nothing is to be started.
  await client.leaderStatus()
  const {members} = await client.clusterStatus()
  const taken = new Set(members.map(member => member.address))
  const left = (await nodeStates(cluster)).find(
    ({id, address}) => id === undefined && !taken.has(address),
  )
  if (left === undefined) return (await startNewNode(cluster.directory)).address
  return (await startNode(cluster.directory, left.name)).node.address
}
