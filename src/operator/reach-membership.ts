/**
 * Several changes at once, as one joint membership (paper §6):
 *
 *   learners catch up ─▶ set (learner-sync) ─▶ joint ─▶ uniform ─▶ read back
 *
 * Learners are waited for before anything is sent, so that a learner that never comes blocks nobody;
 * the leader takes the last two steps by itself, and so does whoever leads after it.
 */
import type {ClusterClient} from '../client/cluster-client.js'
import {isFit} from '../client/cluster-status.js'
import {type Deadline, deadlineAfter, pause, spell} from '../client/deadline.js'
import type {ClusterStatus, MemberStatus, MembershipView} from '../client/types.js'
import {RaftctlError} from '../errors.js'
import {CatchUpMeter} from './catch-up.js'
import {ledStatus, originOf} from './current-status.js'
import {figuresOf, type VoterFigures, votersOf} from './member-change.js'
import {
  type Composition,
  compositionOf,
  enforce,
  planMembership,
  without,
} from './membership-plan.js'
import type {CarryOut, PreparedChange} from './prepared-change.js'
import {type Verification, verifyMembership} from './verify-membership.js'

const LOOK_MS = 100
/** How long the stages of a change may take once its learners have caught up. */
const STAGES_MS = 60_000

export interface MembershipChange extends Verification {
  readonly changed: boolean
  readonly clusterId: string
  readonly membershipIndex: number
  readonly voters: readonly number[]
  readonly learners: readonly number[]
  readonly observers: readonly number[]
  /** Members that are new, and that are none any more. */
  readonly added: readonly number[]
  readonly removed: readonly number[]
  readonly before: VoterFigures
  readonly after: VoterFigures
}

export interface PreparedMembership extends PreparedChange<MembershipChange> {
  /** Who is to go for good. */
  readonly removed: readonly MemberStatus[]
}

export interface ReachOptions extends CarryOut {
  /** Begins the sentence of a refusal. */
  readonly what: string
  /** Index of the membership that this builds on; another one is refused. */
  readonly expectedIndex: number
}

type Roles = Omit<Composition, 'observers'>

/**
 * Makes `roles` the voters and learners, all of which must be members, and resolves when the leader
 * and a majority have it, with the stage uniform again. RAFTCTL_TIMED_OUT while learners lag: nothing
 * was changed; later: the leader goes on by itself. `start` is what the caller began with.
 */
export async function reachMembership(
  client: ClusterClient,
  start: ClusterStatus,
  roles: Roles,
  options: ReachOptions,
): Promise<MembershipChange> {
  const joining = without(roles.voters, ...votersOf(start))
  await untilFit(client, joining, options)
  await leaveLeader(client, roles)
  const status = await ledStatus(client)
  const {observers} = compositionOf(start)
  const plan = planMembership(status, {...roles, observers, what: options.what, waits: true})
  enforce(plan, options.force)
  options.onStep?.('changing the membership')
  const begun = plan.changed ? await begin(client, roles, options) : undefined
  const after =
    begun === undefined
      ? (await client.leaderStatus()).membership
      : await untilUniform(client, roles, begun, options)
  const verification = await verifyMembership(client, after)
  return changeTo(start, after, verification)
}

/** What `start` and `after` differ in; also for what was in force already. */
export function changeTo(
  start: ClusterStatus,
  after: MembershipView,
  verification: Verification,
): MembershipChange {
  const had = start.members.map(member => member.id)
  const has = after.members.map(member => member.id)
  return {
    changed: after.index !== start.membershipIndex,
    clusterId: start.clusterId,
    membershipIndex: after.index,
    voters: after.voters,
    learners: after.learners,
    observers: after.observers,
    added: has.filter(id => !had.includes(id)),
    removed: had.filter(id => !has.includes(id)),
    before: figuresOf(votersOf(start)),
    after: figuresOf(after.voters),
    ...verification,
  }
}

/** Nothing is sent: the answer to a change that is in force already. */
export async function unchangedMembership(
  client: ClusterClient,
  start: ClusterStatus,
): Promise<MembershipChange> {
  const {membership} = await client.leaderStatus()
  const verification = await verifyMembership(client, membership)
  return {...changeTo(start, membership, verification), changed: false}
}

/** Resolves when the leader holds every one of `ids` fit to vote. RAFTCTL_TIMED_OUT. */
export async function untilFit(
  client: ClusterClient,
  ids: readonly number[],
  {waitMs, onProgress}: CarryOut,
): Promise<void> {
  const deadline = waitMs === undefined ? undefined : deadlineAfter(waitMs)
  const meter = new CatchUpMeter()
  for (;;) {
    const {progress, membership} = await client.leaderStatus()
    const gone = ids.find(id => !membership.members.some(member => member.id === id))
    if (gone !== undefined) {
      throw new RaftctlError('RAFTCTL_MEMBER_NOT_FOUND', `member ${gone} was removed`, {
        hint: 'Run "raftctl member list" to see the members.',
      })
    }
    const late = ids
      .filter(id => !membership.voters.includes(id))
      .map(id => ({id, peer: progress.find(other => other.id === id)}))
      .filter(({peer}) => !isFit(peer))
    if (late.length === 0) return
    const {id, peer} = late[0]!
    if (peer !== undefined) onProgress?.(meter.of(peer))
    if (deadline?.expired()) throw stillBehind(id, peer?.lag ?? null, deadline)
    await pause(Math.min(LOOK_MS, deadline?.remainingMs() ?? LOOK_MS), client.signal)
  }
}

/** A leader that is to vote no more hands over first, to one that stays: nobody waits for a vote. */
async function leaveLeader(client: ClusterClient, {voters}: Roles): Promise<void> {
  const status = await ledStatus(client)
  if (voters.includes(status.leaderId)) return
  const [best] = status.members
    .filter(({id, role, upToDate}) => voters.includes(id) && role === 'voter' && upToDate)
    .sort((a, b) => (b.matchIndex ?? 0) - (a.matchIndex ?? 0))
  // A sole voter that is replaced has nobody to hand over to: the joint stage takes care of it.
  if (best !== undefined) await client.transferLeadership(best.id)
}

async function begin(
  client: ClusterClient,
  {voters, learners}: Roles,
  {reason = '', onSend, expectedIndex}: ReachOptions,
): Promise<number> {
  onSend?.()
  try {
    const {after} = await client.changeMembership(
      {kind: 'set', voters, learners},
      {expectedIndex, origin: originOf(reason)},
    )
    return after.index
  } catch (error) {
    const lost = error instanceof RaftctlError && error.code === 'RAFTCTL_OUTCOME_UNKNOWN'
    if (!lost) throw error
    const {membership} = await client.leaderStatus()
    const under = membership.target ?? membership
    if (membership.index > expectedIndex && sameRoles(under, {voters, learners})) {
      return membership.index
    }
    throw error
  }
}

async function untilUniform(
  client: ClusterClient,
  roles: Roles,
  begun: number,
  {waitMs}: CarryOut,
): Promise<MembershipView> {
  const deadline = deadlineAfter(waitMs ?? STAGES_MS)
  for (;;) {
    const {membership} = await client.leaderStatus()
    const known = membership.index >= begun
    if (known && membership.stage === 'uniform') {
      if (sameRoles(membership, roles)) return membership
      throw new RaftctlError(
        'RAFTCTL_COMPARE_FAILED',
        'the change was given up, or another one came after it',
        {hint: 'See "raftctl member history".', details: {index: membership.index}},
      )
    }
    if (deadline.expired()) {
      throw new RaftctlError(
        'RAFTCTL_TIMED_OUT',
        `the change is in the stage ${membership.stage} after ${spell(deadline.timeoutMs)}`,
        {
          hint:
            'The leader goes on by itself; see "raftctl status". In the stage learner-sync ' +
            '"raftctl member set --cancel" gives it up.',
          details: {stage: membership.stage, index: membership.index},
        },
      )
    }
    await pause(LOOK_MS, client.signal)
  }
}

function sameRoles(a: Roles, b: Roles): boolean {
  return sorted(a.voters) === sorted(b.voters) && sorted(a.learners) === sorted(b.learners)
}

function sorted(ids: readonly number[]): string {
  return [...ids].sort((a, b) => a - b).join()
}

function stillBehind(id: number, gap: number | null, deadline: Deadline): RaftctlError {
  const behind = gap === null ? 'was not heard from' : `is ${gap} entries behind`
  return new RaftctlError(
    'RAFTCTL_TIMED_OUT',
    `member ${id} ${behind} after ${spell(deadline.timeoutMs)}; it stays a learner`,
    {
      hint: 'Run the same command again to go on, or see "raftctl member list".',
      details: {memberId: id, gap},
    },
  )
}
