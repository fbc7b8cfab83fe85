/** `wait`: blocks until something holds of the cluster, for scripts. */
import type {ClusterClient} from '../client/cluster-client.js'
import {deadlineAfter, pause, spell} from '../client/deadline.js'
import {hasQuorum} from '../client/quorum.js'
import type {ClusterStatus, MemberRole} from '../client/types.js'
import {RaftctlError} from '../errors.js'
import {removedBefore} from './remove-member.js'
import {resolveMember, spellMember} from './resolve-member.js'

const LOOK_MS = 100

export type Condition =
  | {readonly kind: 'leader' | 'ready' | 'healthy'}
  | {readonly kind: 'caught-up' | 'safe-to-stop'; readonly member: string}
  /** `member` undefined: the leader; "all": every member. */
  | {readonly kind: 'applied'; readonly index: number; readonly member: string | undefined}
  | {readonly kind: 'member'; readonly member: string; readonly role: WantedRole}

export const WANTED_ROLES = ['voter', 'learner', 'observer', 'leader', 'removed'] as const
export type WantedRole = (typeof WANTED_ROLES)[number]

export interface Waited {
  readonly condition: Condition['kind']
  readonly clusterId: string
  readonly leaderId: number | null
  readonly commitIndex: number
  readonly waitedMs: number
}

/**
 * RAFTCTL_TIMED_OUT says what is missing; RAFTCTL_MEMBER_NOT_FOUND for a member that would have to be
 * there. While no node answers, or none leads, it goes on.
 */
export async function waitUntil(
  client: ClusterClient,
  condition: Condition,
  {
    timeoutMs,
    onLook,
  }: {readonly timeoutMs: number | undefined; readonly onLook?: (missing: string) => void},
): Promise<Waited> {
  const start = performance.now()
  const deadline = timeoutMs === undefined ? undefined : deadlineAfter(timeoutMs)
  let missing = 'nothing was heard yet'
  // What was committed when the wait began: under load nobody ever holds all of it.
  let goal: number | undefined
  for (;;) {
    const status = await look(client)
    if (typeof status === 'string') missing = status
    else {
      if (status.leaderId !== null) goal ??= status.commitIndex
      const still = lacking(status, condition, goal)
      if (still === undefined) {
        const {clusterId, leaderId, commitIndex} = status
        const waitedMs = Math.round(performance.now() - start)
        return {condition: condition.kind, clusterId, leaderId, commitIndex, waitedMs}
      }
      missing = still
    }
    onLook?.(missing)
    if (deadline?.expired()) {
      throw new RaftctlError(
        'RAFTCTL_TIMED_OUT',
        `after ${spell(deadline.timeoutMs)} it does not hold: ${missing}`,
        {hint: 'See "raftctl status".', details: {condition: condition.kind, missing}},
      )
    }
    await pause(Math.min(LOOK_MS, deadline?.remainingMs() ?? LOOK_MS), client.signal)
  }
}

async function look(client: ClusterClient): Promise<ClusterStatus | string> {
  try {
    return await client.clusterStatus()
  } catch (error) {
    if (error instanceof RaftctlError && error.spec.retry) return error.message
    throw error
  }
}

/** What keeps the condition from holding; undefined when it holds. */
export function lacking(
  status: ClusterStatus,
  condition: Condition,
  goal: number | undefined,
): string | undefined {
  switch (condition.kind) {
    case 'leader':
      return leaderless(status)
    case 'ready':
      return leaderless(status) ?? quorumless(status)
    case 'healthy':
      return status.healthy ? undefined : status.problems[0]
    case 'caught-up':
      return leaderless(status) ?? notCaughtUp(status, condition.member, goal)
    case 'safe-to-stop':
      return leaderless(status) ?? notSafe(status, condition.member)
    case 'applied':
      return notApplied(status, condition.index, condition.member)
    case 'member':
      return notInRole(status, condition.member, condition.role)
  }
}

function leaderless({leaderId}: ClusterStatus): string | undefined {
  return leaderId === null ? 'no member leads' : undefined
}

function quorumless({votersUpToDate, voters, quorum}: ClusterStatus): string | undefined {
  if (votersUpToDate >= quorum) return undefined
  return `${votersUpToDate} of ${voters} voters are up to date, ${quorum} are needed`
}

function notCaughtUp(
  status: ClusterStatus,
  who: string,
  goal: number | undefined,
): string | undefined {
  const member = resolveMember(status, who)
  if (member.heard !== true) return `the leader does not hear ${spellMember(member)}`
  const match = member.matchIndex ?? 0
  if (goal !== undefined && match >= goal) return undefined
  return `${spellMember(member)} is at ${match} of ${goal ?? 'an unknown index'}`
}

/** The others must have a majority that is up to date, in each half. */
function notSafe(status: ClusterStatus, who: string): string | undefined {
  const member = resolveMember(status, who)
  if (status.stage !== 'uniform') return `a membership change is under way (${status.stage})`
  const voters = status.members.filter(({role}) => role === 'voter')
  const rest = new Set(
    voters.filter(({id, upToDate}) => id !== member.id && upToDate).map(({id}) => id),
  )
  if (hasQuorum([voters.map(({id}) => id)], rest)) return undefined
  return (
    `without ${spellMember(member)} ${rest.size} of ${voters.length} voters would be up to date, ` +
    `${status.quorum} are needed`
  )
}

function notApplied(
  status: ClusterStatus,
  index: number,
  who: string | undefined,
): string | undefined {
  const asked =
    who === 'all'
      ? status.members
      : who === undefined
        ? status.members.filter(({leader}) => leader)
        : [resolveMember(status, who)]
  if (asked.length === 0) return 'no member leads'
  const late = asked.find(({appliedIndex}) => (appliedIndex ?? 0) < index)
  if (late === undefined) return undefined
  return late.appliedIndex === null
    ? `${spellMember(late)} does not answer`
    : `${spellMember(late)} has applied ${late.appliedIndex} of ${index}`
}

function notInRole(status: ClusterStatus, who: string, role: WantedRole): string | undefined {
  const member = find(status, who)
  if (role === 'removed') {
    return member === undefined ? undefined : `${spellMember(member)} is a ${member.role}`
  }
  if (member === undefined) return `there is no member "${who}"`
  if (role === 'leader') return member.leader ? undefined : `${spellMember(member)} does not lead`
  // In a joint stage the role is not settled yet.
  const is: MemberRole = member.role
  if (is === role && status.stage === 'uniform') return undefined
  return is === role
    ? `a membership change is under way (${status.stage})`
    : `${spellMember(member)} is a ${is}`
}

function find(status: ClusterStatus, who: string) {
  try {
    return resolveMember(status, who)
  } catch (error) {
    const absent = error instanceof RaftctlError && error.code === 'RAFTCTL_MEMBER_NOT_FOUND'
    if (!absent && removedBefore(status, who) === undefined) throw error
    return undefined
  }
}
