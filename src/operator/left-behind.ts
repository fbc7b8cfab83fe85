/** What an addition that was cut short leaves: a member that votes not yet. */
import type {ClusterClient} from '../client/cluster-client.js'
import type {MemberStatus} from '../client/types.js'
import {removeMember} from './remove-member.js'

/** Members of the nodes with these stores that do not vote; none where nothing was left. */
export async function leftBehind(
  client: ClusterClient,
  stores: ReadonlySet<string>,
): Promise<MemberStatus[]> {
  const {members} = await client.clusterStatus()
  return members.filter(({storeId, role}) => stores.has(storeId) && role !== 'voter')
}

/** Removes them again; errors as `removeMember`. */
export async function rollBack(
  client: ClusterClient,
  members: readonly MemberStatus[],
): Promise<void> {
  for (const {id} of members) await removeMember(client, String(id), {reason: 'rolled back'})
}
