import type {ClusterClient} from '../client/cluster-client.js'
import type {Snapshot} from '../client/types.js'
import {memberAddress} from './resolve-member.js'

/** On the member named, or on the leader. */
export async function createSnapshot(client: ClusterClient, member?: string): Promise<Snapshot> {
  return client.createSnapshot(await memberAddress(client, member))
}

/** Of the member named, or of the leader; newest last. */
export async function listSnapshots(client: ClusterClient, member?: string): Promise<Snapshot[]> {
  return client.listSnapshots(await memberAddress(client, member))
}
