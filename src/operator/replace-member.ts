/**
 * A new node in the place of an old one, which may be dead, and whose address the new one may have:
 *
 *   learner with a new id ─▶ caught up ─▶ one joint swap: the new one votes, the old one is gone
 *
 * Running it again goes on where it stopped: the new node's store id tells which member it is.
 */
import type {ClusterClient} from '../client/cluster-client.js'
import type {MemberStatus} from '../client/types.js'
import {RaftctlError} from '../errors.js'
import {addMember} from './add-member.js'
import {type LedStatus, ledStatus, originOf} from './current-status.js'
import {compositionOf, planMembership, without} from './membership-plan.js'
import type {CarryOut} from './prepared-change.js'
import {
  changeTo,
  type MembershipChange,
  type PreparedMembership,
  reachMembership,
  unchangedMembership,
} from './reach-membership.js'
import {removedBefore} from './remove-member.js'
import {resolveMember, spellMember} from './resolve-member.js'
import {verifyMembership} from './verify-membership.js'

export interface ReplaceOptions {
  /** Where the new node listens, where none was given; asked for only when it is carried out. */
  readonly address: () => Promise<string>
  readonly name?: string | undefined
}

/**
 * RAFTCTL_MEMBER_NOT_FOUND; RAFTCTL_REFUSED when the node at the address still is the old member.
 * `address` given, and the old member gone: in force already if that node is a member.
 */
export async function prepareReplacement(
  client: ClusterClient,
  who: string,
  {address, name}: ReplaceOptions,
  given?: string,
): Promise<PreparedMembership> {
  const status = await ledStatus(client)
  const gone = removedBefore(status, who)
  if (gone !== undefined) {
    const there = status.members.some(member => member.address === given && member.reachable)
    if (!there) throw goneAlready(gone)
    const plan = planMembership(status, {...compositionOf(status), what: 'the replacement'})
    return {
      status,
      removed: [],
      plan,
      run: with_ => unchangedMembership(with_, status),
    }
  }
  const old = resolveMember(status, who)
  const now = compositionOf(status)
  // Restarted on an empty disk: the new node is there already.
  const at = given ?? (old.blankData ? old.address : undefined)
  const begun = at === undefined ? undefined : await standIn(client, status, old, at)
  const id = begun?.id ?? status.nextMemberId
  const swap = (ids: readonly number[]) =>
    ids.includes(old.id) ? [...without(ids, old.id), id] : ids
  const plan = planMembership(status, {
    what: `replacing ${spellMember(old)}`,
    voters: swap(now.voters),
    learners: without(swap(now.learners), ...(old.role === 'learner' ? [] : [id])),
    observers: swap(now.observers),
    joining: [id],
  })
  return {
    status,
    removed: [old],
    plan,
    run: async (with_, options) =>
      replace(with_, status, old, at ?? (await address()), {...options, name}),
  }
}

async function replace(
  client: ClusterClient,
  start: LedStatus,
  old: MemberStatus,
  address: string,
  options: CarryOut & {readonly name: string | undefined},
): Promise<MembershipChange> {
  const {reason, onSend, onAdmit, onStep, name} = options
  const added = await addMember(client, address, {
    role: old.role === 'observer' ? 'observer' : 'learner',
    expectedIndex: start.membershipIndex,
    name,
    replaces: old.id,
    reason,
    onSend,
    onAdmit,
    onStep: (step, id) => onStep?.(`member ${id} ${step}`),
  })
  const {memberId, membershipIndex: expectedIndex} = added
  const now = compositionOf(start)
  if (old.role !== 'voter') {
    // It counts in no quorum: nothing has to be swapped at one stroke.
    const {after} = await client.changeMembership(
      {kind: 'remove', id: old.id},
      {expectedIndex, origin: originOf(reason ?? '')},
    )
    return changeTo(start, after, await verifyMembership(client, after))
  }
  const roles = {
    voters: [...without(now.voters, old.id), memberId],
    learners: without(now.learners, memberId),
  }
  const what = `replacing ${spellMember(old)}`
  try {
    return await reachMembership(client, start, roles, {...options, expectedIndex, what})
  } catch (error) {
    if (!(error instanceof RaftctlError) || error.code !== 'RAFTCTL_TIMED_OUT') throw error
    throw new RaftctlError(error.code, error.message, {
      hint: `Run "raftctl member replace ${old.id} ${address}" to go on.`,
      details: error.details,
      cause: error,
    })
  }
}

/** The member that an earlier attempt has made of the node at `address`, if one has. */
async function standIn(
  client: ClusterClient,
  status: LedStatus,
  old: MemberStatus,
  address: string,
): Promise<MemberStatus | undefined> {
  const node = await client.nodeStatus(address)
  if (node.storeId === old.storeId && node.nodeId === old.id) {
    throw new RaftctlError(
      'RAFTCTL_REFUSED',
      `the node at ${address} is ${spellMember(old)} itself, on its own data`,
      {
        hint: 'Nothing is to be replaced; to change the machine, give the address of the new node.',
        details: {rule: 'same-node', memberId: old.id},
      },
    )
  }
  return status.members.find(member => member.storeId === node.storeId)
}

function goneAlready(id: number): RaftctlError {
  return new RaftctlError('RAFTCTL_MEMBER_NOT_FOUND', `member ${id} was removed before`, {
    hint: 'Add a node with "raftctl member add"; ids are never used again.',
    details: {memberId: id},
  })
}
