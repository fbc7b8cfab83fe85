import type {ClusterClient} from '../client/cluster-client.js'
import type {MemberStatus, Sample} from '../client/types.js'
import {RaftctlError} from '../errors.js'
import {ledStatus} from './current-status.js'
import {resolveMember} from './resolve-member.js'

export interface MemberFigures {
  readonly id: number
  readonly name: string
  readonly address: string
  readonly reachable: boolean
  readonly unreachableReason: string | null
  readonly figures: Sample | null
}

export interface ClusterFigures {
  readonly clusterId: string
  readonly leaderId: number | null
  readonly items: readonly MemberFigures[]
}

export interface ReadMetrics {
  /** id, name, address, or "all"; undefined: the member that leads. */
  readonly member: string | undefined
  readonly prometheus?: boolean
}

/**
 * One reading. Of several members, those that don't answer are in the list with the reason; a single
 * one that does not is the failure.
 */
export async function readMetrics(
  client: ClusterClient,
  {member, prometheus = false}: ReadMetrics,
): Promise<ClusterFigures> {
  const status = member === undefined ? await ledStatus(client) : await client.clusterStatus()
  const {clusterId, leaderId, members} = status
  const all = member === 'all'
  const meant = all ? members : [resolveMember(status, member ?? String(leaderId))]
  const items = await Promise.all(meant.map(one => read(client, one, {all, prometheus})))
  return {clusterId, leaderId, items}
}

async function read(
  client: ClusterClient,
  {id, name, address}: MemberStatus,
  {all, prometheus}: {readonly all: boolean; readonly prometheus: boolean},
): Promise<MemberFigures> {
  const member = {id, name, address}
  try {
    const figures = await first(client, address, prometheus)
    return {...member, reachable: true, unreachableReason: null, figures}
  } catch (error) {
    const known = error instanceof RaftctlError && error.code !== 'RAFTCTL_INTERRUPTED'
    if (!all || !known) throw error
    return {...member, reachable: false, unreachableReason: error.message, figures: null}
  }
}

async function first(client: ClusterClient, address: string, prometheus: boolean) {
  for await (const sample of client.watchMetrics(address, {intervalMs: 1000, prometheus})) {
    return sample
  }
  throw new RaftctlError('RAFTCTL_UNREACHABLE', `${address} ended the call without an answer`)
}
