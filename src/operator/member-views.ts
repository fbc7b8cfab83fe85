import type {ClusterClient} from '../client/cluster-client.js'
import type {MembershipView} from '../client/types.js'
import {RaftctlError} from '../errors.js'

/** How one member sees the cluster; null throughout when it does not answer. */
export interface MemberView {
  readonly id: number
  readonly name: string
  readonly address: string
  readonly reachable: boolean
  readonly unreachableReason: string | null
  readonly raftRole: string | null
  readonly term: number | null
  /** Whom it follows. */
  readonly leaderId: number | null
  readonly commitIndex: number | null
  readonly appliedIndex: number | null
  readonly membershipIndex: number | null
  readonly stage: MembershipView['stage'] | null
  readonly voters: readonly number[] | null
  readonly learners: readonly number[] | null
  readonly observers: readonly number[] | null
}

export interface MemberViews {
  readonly clusterId: string
  /** Leader, term and membership are the same in all views. */
  readonly agreed: boolean
  readonly items: readonly MemberView[]
}

export async function memberViews(client: ClusterClient): Promise<MemberViews> {
  const status = await client.clusterStatus()
  const items = await Promise.all(
    status.members.map(async (member): Promise<MemberView> => {
      const {id, name, address} = member
      try {
        const node = await client.nodeStatus(address)
        if (node.nodeId === id && node.storeId === member.storeId) {
          const {raftRole, term, leaderId, commitIndex, appliedIndex, membership} = node
          const {index: membershipIndex, stage, voters, learners, observers} = membership
          return {
            ...{id, name, address, reachable: true, unreachableReason: null},
            ...{raftRole, term, leaderId, commitIndex, appliedIndex},
            ...{membershipIndex, stage, voters, learners, observers},
          }
        }
        return silent(member, `${address}: another node answers there`)
      } catch (error) {
        if (!(error instanceof RaftctlError) || error.code === 'RAFTCTL_INTERRUPTED') throw error
        return silent(member, error.message)
      }
    }),
  )
  const said = items
    .filter(item => item.reachable)
    .map(({term, leaderId, membershipIndex}) => `${term} ${leaderId} ${membershipIndex}`)
  return {clusterId: status.clusterId, agreed: new Set(said).size === 1, items}
}

function silent(
  {id, name, address}: {id: number; name: string; address: string},
  why: string,
): MemberView {
  return {
    ...{id, name, address, reachable: false, unreachableReason: why},
    ...{raftRole: null, term: null, leaderId: null, commitIndex: null, appliedIndex: null},
    ...{membershipIndex: null, stage: null, voters: null, learners: null, observers: null},
  }
}
