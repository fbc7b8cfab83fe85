import type {ClusterClient} from '../client/cluster-client.js'
import {RaftctlError} from '../errors.js'
import {ledStatus, originOf} from './current-status.js'
import {changedTo, type MemberChange, unchanged} from './member-change.js'
import {compositionOf, planMembership, without} from './membership-plan.js'
import type {PreparedChange} from './prepared-change.js'
import {promoteMember} from './promote-member.js'
import {resolveMember, spellMember} from './resolve-member.js'
import {verifyMembership} from './verify-membership.js'

/** A promotion, planned; with `wait` a learner that lags is waited for. See `promoteMember`. */
export async function preparePromotion(
  client: ClusterClient,
  who: string,
  {wait}: {readonly wait: boolean},
): Promise<PreparedChange<MemberChange>> {
  const status = await ledStatus(client)
  const member = resolveMember(status, who)
  const {voters, learners, observers} = compositionOf(status)
  const plan = planMembership(status, {
    what: `promoting ${spellMember(member)}`,
    voters: [...without(voters, member.id), member.id],
    learners: without(learners, member.id),
    observers: without(observers, member.id),
    waits: wait,
  })
  return {
    status,
    plan,
    run: (with_, options) => promoteMember(with_, String(member.id), {...options, wait}),
  }
}

/** Withdraws the intent to promote a learner once it has caught up. */
export async function prepareWithdrawal(
  client: ClusterClient,
  who: string,
): Promise<PreparedChange<MemberChange>> {
  const status = await ledStatus(client)
  const member = resolveMember(status, who)
  if (member.role === 'voter') {
    throw new RaftctlError('RAFTCTL_REFUSED', `${spellMember(member)} is a voter already`, {
      hint: `Run "raftctl member demote ${member.id}" to make it a learner.`,
      details: {rule: 'voter', memberId: member.id},
    })
  }
  const same = planMembership(status, {...compositionOf(status), what: 'withdrawing the intent'})
  const plan = {...same, changed: member.promoteWhenReady}
  return {
    status,
    plan,
    run: async (with_, {reason = '', onSend}) => {
      if (!member.promoteWhenReady) return unchanged(status, member)
      onSend?.()
      const {id, name, address} = member
      const {after} = await with_.changeMembership(
        {kind: 'update', id, name, address, promoteWhenReady: false},
        {expectedIndex: status.membershipIndex, origin: originOf(reason)},
      )
      return changedTo(status, member, after, await verifyMembership(with_, after))
    },
  }
}
