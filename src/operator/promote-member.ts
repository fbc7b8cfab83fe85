import type {ClusterClient} from '../client/cluster-client.js'
import {isFit} from '../client/cluster-status.js'
import {type Deadline, deadlineAfter, pause, spell} from '../client/deadline.js'
import type {ClusterStatus, MemberStatus, MembershipView} from '../client/types.js'
import {RaftctlError} from '../errors.js'
import {type CatchUp, CatchUpMeter} from './catch-up.js'
import {ledStatus, originOf} from './current-status.js'
import {changedTo, type MemberChange, unchanged} from './member-change.js'
import {resolveMember, spellMember} from './resolve-member.js'
import {verifyMembership} from './verify-membership.js'

const LOOK_MS = 200

export interface PromoteOptions {
  /** Waits until the learner is fit, instead of being refused. */
  readonly wait?: boolean | undefined
  /** How long to wait; undefined: no limit. */
  readonly waitMs?: number | undefined
  readonly onProgress?: ((catchUp: CatchUp) => void) | undefined
  /** Before a change is sent: from then on an interruption leaves something behind. */
  readonly onSend?: (() => void) | undefined
  readonly reason?: string | undefined
}

/**
 * Makes a learner a voter, and reads that back from the leader and a majority.
 * RAFTCTL_LEARNER_LAGS without `wait`; RAFTCTL_TIMED_OUT with it, and the learner stays;
 * RAFTCTL_REFUSED for an observer.
 */
export async function promoteMember(
  client: ClusterClient,
  who: string,
  options: PromoteOptions = {},
): Promise<MemberChange> {
  const status = await ledStatus(client)
  const member = resolveMember(status, who)
  if (member.role === 'voter') return unchanged(status, member)
  if (member.role === 'observer') {
    throw new RaftctlError('RAFTCTL_REFUSED', `${spellMember(member)} is an observer`, {
      hint: 'Only learners are promoted.',
      details: {rule: 'observer', memberId: member.id},
    })
  }

  const after =
    options.wait === true
      ? await promoteWhenFit(client, member, options)
      : await promote(client, member, status, options)
  const verification = await verifyMembership(client, after)
  return changedTo(status, {...member, role: 'voter'}, after, verification)
}

async function promote(
  client: ClusterClient,
  {id}: MemberStatus,
  {membershipIndex}: ClusterStatus,
  {reason = '', onSend}: PromoteOptions,
): Promise<MembershipView> {
  onSend?.()
  const {after} = await client.changeMembership(
    {kind: 'promote', id, whenReady: false},
    {expectedIndex: membershipIndex, origin: originOf(reason)},
  )
  return after
}

async function promoteWhenFit(
  client: ClusterClient,
  member: MemberStatus,
  options: PromoteOptions,
): Promise<MembershipView> {
  const {id} = member
  const deadline = options.waitMs === undefined ? undefined : deadlineAfter(options.waitMs)
  const meter = new CatchUpMeter()
  let gap = member.lag
  for (;;) {
    const leader = await client.leaderStatus()
    const {membership} = leader
    // Done: by an attempt whose answer was lost, or by somebody else.
    if (membership.voters.includes(id)) return membership
    if (!membership.members.some(other => other.id === id)) {
      throw new RaftctlError('RAFTCTL_MEMBER_NOT_FOUND', `${spellMember(member)} was removed`, {
        hint: 'Run "raftctl member list" to see the members.',
      })
    }

    const progress = leader.progress.find(peer => peer.id === id)
    if (progress !== undefined) {
      gap = progress.lag
      options.onProgress?.(meter.of(progress))
    }
    const after = isFit(progress)
      ? await tryPromote(client, id, membership.index, options)
      : undefined
    if (after !== undefined) return after
    if (deadline?.expired()) throw stillBehind(member, gap, deadline)
    await pause(Math.min(LOOK_MS, deadline?.remainingMs() ?? LOOK_MS), client.signal)
  }
}

/** undefined: not now. */
async function tryPromote(
  client: ClusterClient,
  id: number,
  expectedIndex: number,
  {reason = '', onSend}: PromoteOptions,
): Promise<MembershipView | undefined> {
  onSend?.()
  try {
    const {after} = await client.changeMembership(
      {kind: 'promote', id, whenReady: false},
      {expectedIndex, origin: originOf(reason)},
    )
    return after
  } catch (error) {
    if (error instanceof RaftctlError && NOT_NOW.has(error.code)) return undefined
    throw error
  }
}

/** After each of these the next look at the leader tells what holds. */
const NOT_NOW: ReadonlySet<string> = new Set([
  'RAFTCTL_LEARNER_LAGS',
  'RAFTCTL_CHANGE_IN_FLIGHT',
  'RAFTCTL_COMPARE_FAILED',
  'RAFTCTL_OUTCOME_UNKNOWN',
])

function stillBehind(member: MemberStatus, gap: number | null, deadline: Deadline): RaftctlError {
  const behind = gap === null ? 'was not heard from' : `is ${gap} entries behind`
  return new RaftctlError(
    'RAFTCTL_TIMED_OUT',
    `${spellMember(member)} ${behind} after ${spell(deadline.timeoutMs)}; it stays a learner`,
    {
      hint: `Run "raftctl member promote ${member.id} --wait" to go on.`,
      details: {memberId: member.id, gap},
    },
  )
}
