import type {ClusterClient} from '../client/cluster-client.js'
import {RaftctlError} from '../errors.js'
import {ledStatus} from './current-status.js'
import {resolveMember, spellMember} from './resolve-member.js'

export interface LeadershipChange {
  readonly changed: boolean
  readonly clusterId: string
  readonly from: number
  readonly to: number
  readonly term: number
}

/**
 * Hands leadership to the voter named, or to the most caught-up one. Already leading is
 * `changed: false`. RAFTCTL_REFUSED for what is no voter, is alone, or is not up to date.
 */
export async function transferLeadership(
  client: ClusterClient,
  who: string | undefined,
): Promise<LeadershipChange> {
  const status = await ledStatus(client)
  const {clusterId, leaderId, term} = status
  const target = who === undefined ? undefined : resolveMember(status, who)
  if (target?.id === leaderId) {
    return {changed: false, clusterId, from: leaderId, to: leaderId, term}
  }
  if (target !== undefined && target.role !== 'voter') {
    throw new RaftctlError('RAFTCTL_REFUSED', `${spellMember(target)} is a ${target.role}`, {
      hint: 'Only a voter can lead; "raftctl member promote" makes a learner one.',
      details: {rule: 'voter', memberId: target.id},
    })
  }
  if (target !== undefined && target.upToDate === false) {
    throw new RaftctlError('RAFTCTL_REFUSED', `${spellMember(target)} is not up to date`, {
      hint: 'Run "raftctl status" to see how far behind it is.',
      details: {rule: 'up-to-date', memberId: target.id, lag: target.lag},
    })
  }
  if (target === undefined && status.votersUpToDate < 2) {
    throw new RaftctlError('RAFTCTL_REFUSED', 'no other voter is up to date', {
      hint: 'Run "raftctl status" to see the voters.',
      details: {rule: 'up-to-date', votersUpToDate: status.votersUpToDate},
    })
  }

  try {
    const change = await client.transferLeadership(target?.id)
    return {changed: true, clusterId, ...change}
  } catch (error) {
    // The old leader may go before it could answer: who leads now tells.
    if (!(error instanceof RaftctlError) || error.code !== 'RAFTCTL_OUTCOME_UNKNOWN') throw error
    const leader = await client.leaderStatus()
    const asked = target === undefined ? leader.nodeId !== leaderId : leader.nodeId === target.id
    if (!asked) throw error
    return {changed: true, clusterId, from: leaderId, to: leader.nodeId, term: leader.term}
  }
}

/**
 * Leadership leaves the member named, for `target` or for the most caught-up voter; `changed: false`
 * when it does not lead.
 */
export async function moveLeadershipAway(
  client: ClusterClient,
  who: string,
  target: string | undefined,
): Promise<LeadershipChange> {
  const {clusterId, leaderId, term, members} = await ledStatus(client)
  const member = resolveMember({clusterId, members}, who)
  if (member.id !== leaderId) {
    return {changed: false, clusterId, from: leaderId, to: leaderId, term}
  }
  return transferLeadership(client, target)
}
