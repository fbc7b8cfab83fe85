import type {ClusterClient} from '../client/cluster-client.js'
import {majorityOf} from '../client/quorum.js'
import type {ClusterStatus, MemberStatus} from '../client/types.js'
import {RaftctlError} from '../errors.js'
import {type LedStatus, ledStatus, originOf} from './current-status.js'
import {changedTo, type MemberChange, unchanged, votersOf} from './member-change.js'
import {resolveMember, spellMember} from './resolve-member.js'
import {verifyMembership} from './verify-membership.js'

export interface RemoveOptions {
  readonly reason?: string | undefined
}

/**
 * Removes a member for good: its id is never used again, and its node stops when told. A leader
 * hands leadership over first. RAFTCTL_REFUSED names the rule and the arithmetic;
 * RAFTCTL_MEMBER_NOT_FOUND; an id that was removed before is answered `changed: false`.
 */
export async function removeMember(
  client: ClusterClient,
  who: string,
  {reason = ''}: RemoveOptions = {},
): Promise<MemberChange> {
  let status = await ledStatus(client)
  const gone = removedBefore(status, who)
  if (gone !== undefined) {
    return unchanged(status, {id: gone, name: '', address: '', role: null})
  }
  const member = resolveMember(status, who)
  checkRemoval(status, member)

  if (member.leader) {
    await client.transferLeadership(undefined)
    status = await ledStatus(client)
    checkRemoval(status, resolveMember(status, String(member.id)))
  }
  const {after} = await client.changeMembership(
    {kind: 'remove', id: member.id},
    {expectedIndex: status.membershipIndex, origin: originOf(reason)},
  )
  const verification = await verifyMembership(client, after)
  return changedTo(status, {...member, role: null}, after, verification)
}

/** What a removal would do, for whoever is asked to agree; throws as `removeMember` does. */
export async function planRemoval(
  client: ClusterClient,
  who: string,
): Promise<{status: LedStatus; member: MemberStatus | undefined}> {
  const status = await ledStatus(client)
  if (removedBefore(status, who) !== undefined) return {status, member: undefined}
  const member = resolveMember(status, who)
  checkRemoval(status, member)
  return {status, member}
}

/**
 * RAFTCTL_REFUSED when the removal would leave no voter, or fewer voters up to date than a majority
 * of those that remain; RAFTCTL_CHANGE_IN_FLIGHT while another change is under way.
 */
export function checkRemoval(status: ClusterStatus, member: MemberStatus): void {
  if (member.role !== 'voter') return
  if (status.stage !== 'uniform') {
    throw new RaftctlError(
      'RAFTCTL_CHANGE_IN_FLIGHT',
      `another membership change is under way (${status.stage})`,
      {hint: 'Try again when "raftctl status" shows it done.'},
    )
  }
  const who = spellMember(member)
  const remaining = votersOf(status).filter(id => id !== member.id)
  if (remaining.length === 0) {
    throw new RaftctlError('RAFTCTL_REFUSED', `${who} is the last voter`, {
      hint: 'Add another voter first with "raftctl member add".',
      details: {rule: 'last-voter', memberId: member.id, voters: 1},
    })
  }
  const working = status.members.filter(({id, upToDate}) => remaining.includes(id) && upToDate)
  const needed = majorityOf(remaining.length)
  if (working.length >= needed) return
  throw new RaftctlError(
    'RAFTCTL_REFUSED',
    `removing ${who} would lose the quorum: of the ${plural(remaining.length, 'voter')} left, ` +
      `${working.length} ${working.length === 1 ? 'is' : 'are'} up to date, and ${needed} ` +
      `${needed === 1 ? 'is' : 'are'} needed`,
    {
      hint: 'Bring the other voters up to date first, or remove one of those that are not.',
      details: {
        rule: 'quorum',
        memberId: member.id,
        votersAfter: remaining.length,
        quorumAfter: needed,
        upToDateAfter: working.length,
      },
    },
  )
}

/** The id, if it was given out once and belongs to nobody now. */
function removedBefore(status: ClusterStatus, who: string): number | undefined {
  if (!/^\d{1,15}$/.test(who)) return undefined
  const id = Number(who)
  const known = status.members.some(member => member.id === id)
  return !known && id >= 1 && id < status.nextMemberId ? id : undefined
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
