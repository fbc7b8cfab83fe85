/** `member change` and `member set`: what is asked for in words, as one membership to reach. */
import type {ClusterClient} from '../client/cluster-client.js'
import type {ClusterStatus, MemberStatus} from '../client/types.js'
import {RaftctlError} from '../errors.js'
import {addMember} from './add-member.js'
import {type LedStatus, ledStatus, originOf} from './current-status.js'
import {
  type Composition,
  compositionOf,
  type MembershipPlan,
  planMembership,
  type Wish,
  without,
} from './membership-plan.js'
import type {CarryOut} from './prepared-change.js'
import {
  changeTo,
  type MembershipChange,
  type PreparedMembership,
  reachMembership,
  unchangedMembership,
} from './reach-membership.js'
import {resolveMember} from './resolve-member.js'
import {verifyMembership} from './verify-membership.js'

/** Members by id, name or address. */
export interface Moves {
  /** Addresses of nodes that are to become voters. */
  readonly add?: readonly string[] | undefined
  readonly remove?: readonly string[] | undefined
  readonly promote?: readonly string[] | undefined
  readonly demote?: readonly string[] | undefined
}

/** RAFTCTL_USAGE for a member named twice; RAFTCTL_MEMBER_NOT_FOUND. */
export async function prepareMoves(
  client: ClusterClient,
  moves: Moves,
): Promise<PreparedMembership> {
  const status = await ledStatus(client)
  const {wish, fresh, removed} = moved(status, moves)
  const plan = planMembership(status, wish)
  return {
    status,
    plan,
    removed,
    run: async (with_, options) => {
      if (!plan.changed) return unchangedMembership(with_, status)
      const added: number[] = []
      let expectedIndex = status.membershipIndex
      for (const address of fresh) {
        options.onStep?.(`adding ${address}`)
        const {memberId, membershipIndex} = await addMember(with_, address, {
          role: 'learner',
          expectedIndex,
          reason: options.reason,
          onSend: options.onSend,
          onAdmit: options.onAdmit,
        })
        added.push(memberId)
        expectedIndex = membershipIndex
      }
      const ids = wish.joining ?? []
      const voters = [...without(wish.voters, ...ids), ...added]
      return reachMembership(
        with_,
        status,
        {voters, learners: without(wish.learners, ...voters)},
        {...options, what: wish.what, expectedIndex},
      )
    },
  }
}

/** The voters, by id, name or address; the others of today's voters are removed. */
export async function prepareSet(
  client: ClusterClient,
  voters: readonly string[],
  {learners}: {readonly learners?: readonly string[] | undefined} = {},
): Promise<PreparedMembership> {
  const status = await ledStatus(client)
  const wish = wishOfSet(status, voters, learners)
  const plan = planMembership(status, wish)
  const stay = new Set([...wish.voters, ...wish.learners, ...wish.observers])
  return {
    status,
    plan,
    removed: status.members.filter(({id}) => !stay.has(id)),
    run: (with_, options) =>
      plan.changed
        ? reachMembership(with_, status, wish, {
            ...options,
            what: wish.what,
            expectedIndex: status.membershipIndex,
          })
        : unchangedMembership(with_, status),
  }
}

export interface PlanWish {
  readonly moves: Moves & {readonly replace?: readonly string[] | undefined}
  /** Instead of moves: the voters, and no others. */
  readonly voters?: readonly string[] | undefined
}

/** What any change would do. */
export async function planOf(
  client: ClusterClient,
  {moves, voters}: PlanWish,
): Promise<MembershipPlan> {
  const status = await ledStatus(client)
  if (voters !== undefined) return planMembership(status, wishOfSet(status, voters, undefined))
  return planMembership(status, moved(status, moves).wish)
}

/**
 * Gives up a change whose new voters are still catching up. `changed` is false when none is.
 * RAFTCTL_CHANGE_IN_FLIGHT when it is past that point: then only the leader finishes it.
 */
export async function cancelSet(
  client: ClusterClient,
  {reason = '', onSend}: CarryOut = {},
): Promise<MembershipChange> {
  const status: LedStatus = await ledStatus(client)
  if (status.stage === 'uniform') return unchangedMembership(client, status)
  if (status.stage === 'joint') {
    throw new RaftctlError(
      'RAFTCTL_CHANGE_IN_FLIGHT',
      'the change is past the point of giving it up: both majorities decide already',
      {hint: 'The leader finishes it by itself; "raftctl status" shows when.'},
    )
  }
  onSend?.()
  const {after} = await client.changeMembership(
    {kind: 'cancel'},
    {expectedIndex: status.membershipIndex, origin: originOf(reason)},
  )
  return changeTo(status, after, await verifyMembership(client, after))
}

function moved(
  status: ClusterStatus,
  {add = [], remove = [], promote = [], demote = [], replace = []}: PlanWish['moves'],
) {
  const now = compositionOf(status)
  const named = new Map<number, string>()
  const find = (text: string): MemberStatus => {
    const member = resolveMember(status, text)
    if (named.has(member.id)) {
      throw new RaftctlError('RAFTCTL_USAGE', `member ${member.id} is named twice`)
    }
    named.set(member.id, text)
    return member
  }
  const removed = [...remove, ...replace].map(find)
  const gone = removed.map(member => member.id)
  const up = promote.map(text => find(text).id)
  const down = demote.map(text => find(text).id)
  // Whoever is there as a voter already was added by an earlier attempt.
  const known = add.map(address => status.members.find(member => member.address === address))
  const fresh = add.filter((_, i) => known[i]?.role !== 'voter')
  const joining = fresh.map((address, i) => {
    const learner = status.members.find(member => member.address === address)
    return learner?.id ?? status.nextMemberId + i
  })
  // A replaced voter's successor is a voter too; its node is not known yet.
  const successors = removed
    .slice(remove.length)
    .filter(({role}) => role === 'voter')
    .map((_, i) => status.nextMemberId + fresh.length + i)
  joining.push(...successors)
  const next: Composition = {
    voters: [...without(now.voters, ...gone, ...down, ...up), ...up, ...joining],
    learners: [
      ...without(now.learners, ...gone, ...up, ...joining, ...down),
      ...without(down, ...gone),
    ],
    observers: without(now.observers, ...gone),
  }
  const wish: Wish = {...next, joining, what: 'the change', waits: true}
  return {wish, fresh, removed}
}

function wishOfSet(
  status: ClusterStatus,
  voters: readonly string[],
  learners: readonly string[] | undefined,
): Wish {
  const now = compositionOf(status)
  const ids = [...new Set(voters.map(text => resolveMember(status, text).id))]
  const named = learners?.map(text => resolveMember(status, text).id)
  const both = named?.find(id => ids.includes(id))
  if (both !== undefined) {
    throw new RaftctlError('RAFTCTL_USAGE', `member ${both} can't be both voter and learner`)
  }
  return {
    voters: ids,
    learners: named === undefined ? without(now.learners, ...ids) : [...new Set(named)],
    observers: now.observers,
    what: 'the change',
    waits: true,
  }
}
