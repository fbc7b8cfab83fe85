import type {ClusterClient} from '../client/cluster-client.js'
import type {ClusterStatus, MemberStatus} from '../client/types.js'
import {type LedStatus, ledStatus, originOf} from './current-status.js'
import {changedTo, type MemberChange, unchanged} from './member-change.js'
import {compositionOf, enforce, planMembership, without} from './membership-plan.js'
import type {CarryOut, PreparedChange} from './prepared-change.js'
import {resolveMember, spellMember} from './resolve-member.js'
import {verifyMembership} from './verify-membership.js'

/** Makes a voter a learner: it goes on copying, and votes no more. A leader hands over first. */
export async function prepareDemotion(
  client: ClusterClient,
  who: string,
): Promise<PreparedChange<MemberChange>> {
  const status = await ledStatus(client)
  const member = resolveMember(status, who)
  const plan = planDemotion(status, member)
  return {
    status,
    plan,
    run: async (with_, options) =>
      plan.changed ? demote(with_, status, member, options) : unchanged(status, member),
  }
}

async function demote(
  client: ClusterClient,
  planned: LedStatus,
  member: MemberStatus,
  {reason = '', force, onSend}: CarryOut,
): Promise<MemberChange> {
  onSend?.()
  if (member.leader) {
    await client.transferLeadership(undefined)
    const status = await ledStatus(client)
    enforce(planDemotion(status, resolveMember(status, String(member.id))), force)
  }
  const {after} = await client.changeMembership(
    {kind: 'demote', id: member.id},
    {expectedIndex: planned.membershipIndex, origin: originOf(reason)},
  )
  const verification = await verifyMembership(client, after)
  return changedTo(planned, {...member, role: 'learner'}, after, verification)
}

function planDemotion(status: ClusterStatus, member: MemberStatus) {
  const {voters, learners, observers} = compositionOf(status)
  return planMembership(status, {
    what: `demoting ${spellMember(member)}`,
    voters: without(voters, member.id),
    learners: [...without(learners, member.id), member.id],
    // An observer is refused by the plan: it can't become a learner.
    observers: without(observers, member.id),
  })
}
