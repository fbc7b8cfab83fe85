import type {ClusterClient} from '../client/cluster-client.js'

export interface MemberVersion {
  readonly id: number
  readonly name: string
  readonly address: string
  /** null: it does not answer. */
  readonly version: string | null
}

export interface MemberVersions {
  readonly clusterId: string
  readonly members: readonly MemberVersion[]
}

/** What each member runs; errors as those of `clusterStatus`. */
export async function memberVersions(client: ClusterClient): Promise<MemberVersions> {
  const {clusterId, members} = await client.clusterStatus()
  return {
    clusterId,
    members: members.map(({id, name, address, version}) => ({id, name, address, version})),
  }
}
