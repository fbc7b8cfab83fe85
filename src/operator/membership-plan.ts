/**
 * What a membership change would do, without doing it: the arithmetic before and after, and the rules
 * that would refuse it. Every change is planned here first, so that `member plan`, `--dry-run` and the
 * change itself say the same.
 */
import {failureTolerance, hasQuorum, majorityOf} from '../client/quorum.js'
import type {ClusterStatus, MemberStatus} from '../client/types.js'
import {type ErrorCode, RaftctlError} from '../errors.js'
import {figuresOf, type VoterFigures} from './member-change.js'
import {spellMember} from './resolve-member.js'

/** Who is to have which role; ids of members to come are those that they would draw. */
export interface Composition {
  readonly voters: readonly number[]
  readonly learners: readonly number[]
  readonly observers: readonly number[]
}

export interface Wish extends Composition {
  /** Begins the sentence of a refusal: "removing member 3 (c)". */
  readonly what: string
  /** Members to come, by the id that they would draw; each catches up before it votes. */
  readonly joining?: readonly number[]
  /** Whether learners that lag are waited for; otherwise they are a refusal. */
  readonly waits?: boolean
}

export interface PlanRefusal {
  readonly rule: string
  readonly memberId: number | null
  readonly code: ErrorCode
  readonly message: string
  readonly hint: string
  /** Whether `--force RULE` overrides it. */
  readonly forceable: boolean
  readonly details: Readonly<Record<string, unknown>>
}

export interface PlanSide extends VoterFigures {
  readonly voterIds: readonly number[]
  readonly learnerIds: readonly number[]
  readonly observerIds: readonly number[]
  /** Of the voters, those to come counted among them: they catch up first. */
  readonly votersUpToDate: number
  /** How many voters may fail, with those that are not up to date counted as failed. */
  readonly failureToleranceNow: number
}

export interface MembershipPlan {
  /** False: what is asked for is in force. */
  readonly changed: boolean
  readonly clusterId: string
  /** What the plan was made of; the change is refused if it is another one by then. */
  readonly membershipIndex: number
  readonly before: PlanSide
  readonly after: PlanSide
  /** none, direct (one voter at most, in one entry) or joint (through both majorities). */
  readonly path: 'none' | 'direct' | 'joint'
  /** Learners that must catch up first. */
  readonly waitsFor: readonly number[]
  readonly refusals: readonly PlanRefusal[]
  readonly warnings: readonly string[]
}

export function compositionOf(status: ClusterStatus): Composition {
  const withRole = (role: MemberStatus['role']) =>
    status.members.filter(member => member.role === role).map(member => member.id)
  return {
    voters: withRole('voter'),
    learners: withRole('learner'),
    observers: withRole('observer'),
  }
}

export function without(ids: readonly number[], ...gone: readonly number[]): number[] {
  return ids.filter(id => !gone.includes(id))
}

/** `status` must be of a cluster that has a leader. */
export function planMembership(status: ClusterStatus, wish: Wish): MembershipPlan {
  const now = compositionOf(status)
  const joining = wish.joining ?? []
  const toVote = wish.voters.filter(id => !now.voters.includes(id) && !joining.includes(id))
  const lagging = status.members.filter(
    ({id, caughtUp}) => toVote.includes(id) && now.learners.includes(id) && !caughtUp,
  )
  const upToDate = new Set([
    ...status.members.filter(member => member.upToDate).map(member => member.id),
    ...toVote,
    ...joining,
  ])
  const changed = !sameComposition(now, wish)
  const before = sideOf(now, upToDate)
  const after = sideOf(wish, upToDate)
  const moved = [
    ...wish.voters.filter(id => !now.voters.includes(id)),
    ...now.voters.filter(id => !wish.voters.includes(id)),
  ]
  const path = !changed ? 'none' : moved.length > 1 ? 'joint' : 'direct'
  const plan = {
    changed,
    clusterId: status.clusterId,
    membershipIndex: status.membershipIndex,
    before,
    after,
    path,
    waitsFor: [...joining, ...lagging.map(member => member.id)].filter(id =>
      wish.voters.includes(id),
    ),
  } as const
  if (!changed) return {...plan, refusals: [], warnings: []}
  const refusals = [
    ...refusalsOfStage(status),
    ...refusalsOfRoles(status, now, wish),
    ...(wish.waits === true ? [] : lagging.map(learnerLags)),
    ...refusalsOfQuorum(status, now, wish, upToDate),
  ]
  return {...plan, refusals, warnings: warningsOf(status, before, after)}
}

/**
 * Throws the first refusal that is not overridden. RAFTCTL_USAGE for a name in `force` that no
 * refusal has, and for one that can't be overridden.
 */
export function enforce(plan: MembershipPlan, force: readonly string[] = []): void {
  for (const name of force) {
    const named = plan.refusals.find(refusal => refusal.rule === name)
    if (named?.forceable === false) {
      throw new RaftctlError('RAFTCTL_USAGE', `rule "${name}" can't be forced: ${named.message}`, {
        hint: named.hint,
        details: named.details,
      })
    }
  }
  const left = standing(plan, force)
  if (left !== undefined) throw refusalError(left)
}

/** The first refusal that `force` does not override. */
export function standing(
  plan: MembershipPlan,
  force: readonly string[] = [],
): PlanRefusal | undefined {
  return plan.refusals.find(({rule, forceable}) => !forceable || !force.includes(rule))
}

export function refusalError({code, message, hint, forceable, rule, details}: PlanRefusal) {
  return new RaftctlError(code, message, {
    hint: forceable ? `${hint} To do it all the same: --force ${rule}.` : hint,
    details,
  })
}

function sideOf(composition: Composition, upToDate: ReadonlySet<number>): PlanSide {
  const {voters, learners, observers} = composition
  return {
    ...figuresOf(voters),
    voterIds: ascending(voters),
    learnerIds: ascending(learners),
    observerIds: ascending(observers),
    votersUpToDate: voters.filter(id => upToDate.has(id)).length,
    failureToleranceNow: failureTolerance([voters], upToDate),
  }
}

function refusalsOfStage({stage}: ClusterStatus): PlanRefusal[] {
  if (stage === 'uniform') return []
  return [
    {
      rule: 'change-in-flight',
      memberId: null,
      code: 'RAFTCTL_CHANGE_IN_FLIGHT',
      message: `another membership change is under way (${stage})`,
      hint:
        stage === 'joint'
          ? 'The leader finishes it by itself; try again when "raftctl status" shows it done.'
          : 'Wait until its learners have caught up, or give it up with "raftctl member set --cancel".',
      forceable: false,
      details: {rule: 'change-in-flight', stage},
    },
  ]
}

function refusalsOfRoles(status: ClusterStatus, now: Composition, wish: Wish): PlanRefusal[] {
  return status.members
    .filter(({id}) => {
      const observes = now.observers.includes(id)
      return observes
        ? wish.voters.includes(id) || wish.learners.includes(id)
        : wish.observers.includes(id)
    })
    .map(member => ({
      rule: 'observer',
      memberId: member.id,
      code: 'RAFTCTL_REFUSED' as const,
      message:
        member.role === 'observer'
          ? `${spellMember(member)} is an observer, and stays one`
          : `${spellMember(member)} is a ${member.role}, and can't become an observer`,
      hint: 'Remove it and add it anew in the other role.',
      forceable: false,
      details: {rule: 'observer', memberId: member.id},
    }))
}

function learnerLags(member: MemberStatus): PlanRefusal {
  const {id, lag, heard} = member
  const reason = heard === true ? 'behind' : 'silent'
  return {
    rule: 'learner-lags',
    memberId: id,
    code: 'RAFTCTL_LEARNER_LAGS',
    message:
      reason === 'silent'
        ? `${spellMember(member)} is not heard by the leader`
        : `${spellMember(member)} is ${lag ?? 'an unknown number of'} entries behind`,
    hint: `Wait for it with "raftctl member promote ${id} --wait".`,
    forceable: false,
    details: {rule: 'learner-lags', memberId: id, gap: lag, reason},
  }
}

function refusalsOfQuorum(
  status: ClusterStatus,
  now: Composition,
  wish: Wish,
  upToDate: ReadonlySet<number>,
): PlanRefusal[] {
  const heard = new Set([
    ...status.members.filter(member => member.heard).map(member => member.id),
    ...wish.voters.filter(id => !now.voters.includes(id)),
  ])
  const gone = now.voters.filter(id => !wish.voters.includes(id))
  const memberId = gone.length === 1 ? gone[0]! : null
  if (wish.voters.length === 0) {
    const last = status.members.find(member => member.id === memberId)
    return [
      {
        rule: 'last-voter',
        memberId,
        code: 'RAFTCTL_REFUSED',
        message:
          last === undefined ? 'no voter would be left' : `${spellMember(last)} is the last voter`,
        hint: 'Add another voter first with "raftctl member add".',
        forceable: false,
        details: {rule: 'last-voter', memberId, voters: now.voters.length},
      },
    ]
  }
  if (!hasQuorum([now.voters], heard)) return [quorumLost(now, heard)]
  const unmoved = gone.length === 0 && wish.voters.length === now.voters.length
  if (unmoved || hasQuorum([wish.voters], upToDate)) return []
  // Who is heard catches up some time, and until then nothing is committed; who is silent may never.
  const forceable = hasQuorum([wish.voters], heard)
  const needed = majorityOf(wish.voters.length)
  const working = wish.voters.filter(id => upToDate.has(id)).length
  const rule = forceable ? 'up-to-date' : 'quorum'
  const then = wish.voters.length < now.voters.length ? 'left' : 'then'
  return [
    {
      rule,
      memberId,
      code: 'RAFTCTL_REFUSED',
      message:
        `${wish.what} would lose the quorum: of the ${plural(wish.voters.length, 'voter')} ${then}, ` +
        `${working} ${working === 1 ? 'is' : 'are'} up to date, and ${needed} ` +
        `${needed === 1 ? 'is' : 'are'} needed`,
      hint: 'Bring the other voters up to date first, or remove one of those that are not.',
      forceable,
      details: {
        rule,
        memberId,
        votersAfter: wish.voters.length,
        quorumAfter: needed,
        upToDateAfter: working,
        heardAfter: wish.voters.filter(id => heard.has(id)).length,
      },
    },
  ]
}

function quorumLost({voters}: Composition, heard: ReadonlySet<number>): PlanRefusal {
  const needed = majorityOf(voters.length)
  const reached = voters.filter(id => heard.has(id)).length
  return {
    rule: 'quorum-lost',
    memberId: null,
    code: 'RAFTCTL_NO_QUORUM',
    message:
      `nothing can be committed: the leader hears ${reached} of ${plural(voters.length, 'voter')}, ` +
      `itself included, and ${needed} are needed`,
    hint: 'Start the members that are down; "raftctl status" shows which.',
    forceable: false,
    details: {rule: 'quorum-lost', voters: voters.length, quorum: needed, heard: reached},
  }
}

function warningsOf(status: ClusterStatus, before: PlanSide, after: PlanSide): string[] {
  const warnings: string[] = []
  if (after.voters !== before.voters && after.voters % 2 === 0) {
    warnings.push(
      `${after.voters} voters survive no more failures than ${after.voters - 1}, and need one more`,
    )
  }
  if (after.failureToleranceNow < before.failureToleranceNow) {
    warnings.push(
      `afterwards ${after.failureToleranceNow === 0 ? 'no voter' : plural(after.failureToleranceNow, 'voter')} may fail`,
    )
  }
  const leads = status.leaderId !== null && !after.voterIds.includes(status.leaderId)
  if (leads) warnings.push(`member ${status.leaderId} leads; it hands leadership over first`)
  return warnings
}

function sameComposition(a: Composition, b: Composition): boolean {
  return (['voters', 'learners', 'observers'] as const).every(
    role => ascending(a[role]).join() === ascending(b[role]).join(),
  )
}

function ascending(ids: readonly number[]): number[] {
  return [...ids].sort((a, b) => a - b)
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
