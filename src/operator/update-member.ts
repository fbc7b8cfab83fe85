import type {ClusterClient} from '../client/cluster-client.js'
import type {MemberStatus} from '../client/types.js'
import {RaftctlError} from '../errors.js'
import {checkName} from './add-member.js'
import {ledStatus, originOf} from './current-status.js'
import {changedTo, type MemberChange, unchanged} from './member-change.js'
import {compositionOf, type PlanRefusal, planMembership} from './membership-plan.js'
import type {PreparedChange} from './prepared-change.js'
import {resolveMember, spellMember} from './resolve-member.js'
import {verifyMembership} from './verify-membership.js'

export interface MemberUpdate {
  readonly name?: string | undefined
  /** Where others reach it from now on. */
  readonly address?: string | undefined
}

/**
 * Gives a member another name or address. That the member itself answers at the new address is checked
 * first (rule `address`, which can be forced: it may be started there later).
 */
export async function prepareUpdate(
  client: ClusterClient,
  who: string,
  {name, address}: MemberUpdate,
): Promise<PreparedChange<MemberChange>> {
  const status = await ledStatus(client)
  const member = resolveMember(status, who)
  const next = {name: name ?? member.name, address: address ?? member.address}
  checkName(status, next.name, member.id)
  const holder = status.members.find(
    other => other.id !== member.id && other.address === next.address,
  )
  if (holder !== undefined) {
    throw new RaftctlError('RAFTCTL_REFUSED', `${spellMember(holder)} has that address`, {
      hint: 'Give an address that no other member has.',
      details: {rule: 'address-taken', memberId: holder.id},
    })
  }
  const changed = next.name !== member.name || next.address !== member.address
  const moves = next.address !== member.address
  const elsewhere = moves ? await notThere(client, member, next.address) : undefined
  const same = planMembership(status, {...compositionOf(status), what: 'the update'})
  const inFlight = status.stage !== 'uniform' && changed ? [inFlightRefusal(status.stage)] : []
  const refusals = [...inFlight, ...(elsewhere === undefined ? [] : [elsewhere])]
  return {
    status,
    plan: {...same, changed, refusals},
    run: async (with_, {reason = '', onSend}) => {
      if (!changed) return unchanged(status, member)
      onSend?.()
      const {id, promoteWhenReady} = member
      const {after} = await with_.changeMembership(
        {kind: 'update', id, ...next, promoteWhenReady},
        {expectedIndex: status.membershipIndex, origin: originOf(reason)},
      )
      const verification = await verifyMembership(with_, after)
      return changedTo(status, {...member, ...next}, after, verification)
    },
  }
}

async function notThere(
  client: ClusterClient,
  member: MemberStatus,
  address: string,
): Promise<PlanRefusal | undefined> {
  const refusal = (message: string): PlanRefusal => ({
    rule: 'address',
    memberId: member.id,
    code: 'RAFTCTL_REFUSED',
    message,
    hint: `Start ${spellMember(member)} at ${address} first.`,
    forceable: true,
    details: {rule: 'address', memberId: member.id, address},
  })
  try {
    const node = await client.nodeStatus(address)
    if (node.storeId === member.storeId && node.nodeId === member.id) return undefined
    return refusal(`another node answers at ${address}, not ${spellMember(member)}`)
  } catch (error) {
    if (!(error instanceof RaftctlError) || error.code === 'RAFTCTL_INTERRUPTED') throw error
    return refusal(`${spellMember(member)} does not answer at ${address}: ${error.message}`)
  }
}

function inFlightRefusal(stage: string): PlanRefusal {
  return {
    rule: 'change-in-flight',
    memberId: null,
    code: 'RAFTCTL_CHANGE_IN_FLIGHT',
    message: `another membership change is under way (${stage})`,
    hint: 'Try again when "raftctl status" shows it done.',
    forceable: false,
    details: {rule: 'change-in-flight', stage},
  }
}
