import type {ClusterClient} from '../client/cluster-client.js'
import type {Snapshot} from '../client/types.js'
import {RaftctlError} from '../errors.js'
import {memberAddress} from './resolve-member.js'

/** On the member named, or on the leader. */
export async function createSnapshot(client: ClusterClient, member?: string): Promise<Snapshot> {
  return client.createSnapshot(await memberAddress(client, member))
}

/** Of the member named, or of the leader; newest last. */
export async function listSnapshots(client: ClusterClient, member?: string): Promise<Snapshot[]> {
  return client.listSnapshots(await memberAddress(client, member))
}

/**
 * Of the member named, or of the leader; also a file that was found damaged. RAFTCTL_SNAPSHOT_NOT_FOUND,
 * RAFTCTL_REFUSED for the one that its log needs.
 */
export async function deleteSnapshot(
  client: ClusterClient,
  id: string,
  member?: string,
): Promise<{id: string; address: string}> {
  const address = (await memberAddress(client, member)) ?? (await client.leaderStatus()).address
  await client.deleteSnapshot(id, address)
  return {id, address}
}

/** RAFTCTL_SNAPSHOT_NOT_FOUND. */
export async function findSnapshot(
  client: ClusterClient,
  id: string,
  member?: string,
): Promise<Snapshot> {
  const found = (await listSnapshots(client, member)).find(snapshot => snapshot.id === id)
  if (found !== undefined) return found
  throw new RaftctlError('RAFTCTL_SNAPSHOT_NOT_FOUND', `there is no snapshot "${id}" there`, {
    hint: 'Run "raftctl snapshot list" to see them; --member asks another member.',
    details: {id},
  })
}
