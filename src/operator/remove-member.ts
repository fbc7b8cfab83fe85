import type {ClusterClient} from '../client/cluster-client.js'
import type {ClusterStatus, MemberStatus} from '../client/types.js'
import {type LedStatus, ledStatus, originOf} from './current-status.js'
import {changedTo, type MemberChange, unchanged} from './member-change.js'
import {
  compositionOf,
  enforce,
  type MembershipPlan,
  planMembership,
  without,
} from './membership-plan.js'
import type {CarryOut, PreparedChange} from './prepared-change.js'
import {resolveMember, spellMember} from './resolve-member.js'
import {verifyMembership} from './verify-membership.js'

/**
 * Removes a member for good: its id is never used again, and its node stops when told. A leader
 * hands leadership over first. RAFTCTL_REFUSED names the rule and the arithmetic;
 * RAFTCTL_MEMBER_NOT_FOUND; an id that was removed before is answered `changed: false`.
 */
export async function removeMember(
  client: ClusterClient,
  who: string,
  options: CarryOut = {},
): Promise<MemberChange> {
  const prepared = await prepareRemoval(client, who)
  enforce(prepared.plan, options.force)
  return prepared.run(client, options)
}

export interface PreparedRemoval extends PreparedChange<MemberChange> {
  /** undefined: no member any more. */
  readonly member: MemberStatus | undefined
}

/** RAFTCTL_MEMBER_NOT_FOUND for an id that was never given out. */
export async function prepareRemoval(client: ClusterClient, who: string): Promise<PreparedRemoval> {
  const status = await ledStatus(client)
  const gone = removedBefore(status, who)
  if (gone !== undefined) {
    const member = {id: gone, name: '', address: '', role: null}
    const plan = planMembership(status, {...compositionOf(status), what: 'removing it again'})
    return {status, member: undefined, plan, run: async () => unchanged(status, member)}
  }
  const member = resolveMember(status, who)
  return {
    status,
    member,
    plan: planRemoval(status, member),
    run: (with_, options) => remove(with_, status, member, options),
  }
}

async function remove(
  client: ClusterClient,
  planned: LedStatus,
  member: MemberStatus,
  {reason = '', force, onSend}: CarryOut,
): Promise<MemberChange> {
  let status = planned
  onSend?.()
  if (member.leader && member.role === 'voter') {
    await client.transferLeadership(undefined)
    status = await ledStatus(client)
    enforce(planRemoval(status, resolveMember(status, String(member.id))), force)
  }
  const {after} = await client.changeMembership(
    {kind: 'remove', id: member.id},
    {expectedIndex: planned.membershipIndex, origin: originOf(reason)},
  )
  const verification = await verifyMembership(client, after)
  return changedTo(status, {...member, role: null}, after, verification)
}

function planRemoval(status: ClusterStatus, member: MemberStatus): MembershipPlan {
  const {voters, learners, observers} = compositionOf(status)
  return planMembership(status, {
    what: `removing ${spellMember(member)}`,
    voters: without(voters, member.id),
    learners: without(learners, member.id),
    observers: without(observers, member.id),
  })
}

/** Throws what would refuse the removal; see `planMembership`. */
export function checkRemoval(status: ClusterStatus, member: MemberStatus): void {
  enforce(planRemoval(status, member))
}

/** The id, if it was given out once and belongs to nobody now. */
export function removedBefore(status: ClusterStatus, who: string): number | undefined {
  if (!/^\d{1,15}$/.test(who)) return undefined
  const id = Number(who)
  const known = status.members.some(member => member.id === id)
  return !known && id >= 1 && id < status.nextMemberId ? id : undefined
}
