/** Many nodes' own views, merged into one of the cluster. */
import type {RaftctlError} from '../errors.js'
import {failureTolerance, hasQuorum, majorityOf} from './quorum.js'
import type {
  ClusterStatus,
  MemberRecord,
  MemberRole,
  MemberStatus,
  MembershipView,
  NodeStatus,
  Progress,
} from './types.js'

/** What a client learned from asking every member once. */
export interface Heard {
  /** Of this cluster only. */
  readonly answers: readonly NodeStatus[]
  /** By address: why there is no answer, as one sentence. */
  readonly failures: ReadonlyMap<string, string>
  /** Pristine nodes and nodes of other clusters, by the address asked. */
  readonly strangers: readonly NodeStatus[]
}

/** The same, and what it says about whom to ask next. */
export interface Survey extends Heard {
  /** The first failure that is a matter of trust: no patience helps there. */
  readonly distrust?: RaftctlError | undefined
  /** Some node said nothing at all until time ran out: it may be gone, or slow. */
  readonly late: boolean
  /** How long the last answer took that came, milliseconds. */
  readonly slowestMs: number
}

/** Entries behind which a voter no longer counts as up to date (core.md's lag threshold). */
const LAG_MAX = 1000

/** The node that leads in the highest term, if any says that it does. */
export function leaderOf(answers: readonly NodeStatus[]): NodeStatus | undefined {
  return answers
    .filter(answer => answer.raftRole === 'leader')
    .reduce<NodeStatus | undefined>(
      (best, answer) => (best === undefined || answer.term > best.term ? answer : best),
      undefined,
    )
}

/** The newest membership that any node has applied. */
export function newestMembership(answers: readonly NodeStatus[]): MembershipView | undefined {
  return answers.reduce<MembershipView | undefined>(
    (best, {membership}) =>
      best === undefined || membership.index > best.index ? membership : best,
    undefined,
  )
}

/** `answers` must not be empty. */
export function mergeStatus(clusterId: string, survey: Heard): ClusterStatus {
  const leader = leaderOf(survey.answers)
  const membership = leader?.membership ?? newestMembership(survey.answers)!
  const members = membership.members.map(record => memberStatus(record, membership, leader, survey))
  const voters = members.filter(member => member.role === 'voter')
  const halves = [membership.voters, membership.votersOutgoing]
  const upToDate = new Set(voters.filter(voter => voter.upToDate).map(voter => voter.id))
  const problems = problemsOf(members, leader, hasQuorum(halves, upToDate), membership, upToDate)

  return {
    clusterId,
    leaderId: leader?.nodeId ?? null,
    leaderAddress: leader?.endpoint ?? null,
    term: Math.max(...survey.answers.map(answer => answer.term)),
    membershipIndex: membership.index,
    stage: membership.stage,
    voters: membership.voters.length,
    quorum: majorityOf(membership.voters.length),
    votersUpToDate: upToDate.size,
    failureTolerance: leader === undefined ? 0 : failureTolerance(halves, upToDate),
    failureToleranceNominal: failureTolerance(halves, new Set(voters.map(voter => voter.id))),
    healthy: problems.length === 0,
    problems,
    commitIndex: leader?.commitIndex ?? Math.max(...survey.answers.map(a => a.commitIndex)),
    nextMemberId: membership.nextMemberId,
    members,
  }
}

function memberStatus(
  record: MemberRecord,
  membership: MembershipView,
  leader: NodeStatus | undefined,
  survey: Heard,
): MemberStatus {
  const {id, name, address, storeId, promoteWhenReady} = record
  const own = survey.answers.find(answer => answer.nodeId === id && answer.storeId === storeId)
  const leads = leader?.nodeId === id
  const progress = leader?.progress.find(peer => peer.id === id)
  const blankData =
    progress?.connection === 'blank-data' ||
    survey.strangers.some(node => node.endpoint === address && node.raftRole === 'pristine')
  return {
    id,
    name,
    role: roleOf(id, membership),
    raftRole: own?.raftRole ?? null,
    leader: leads,
    address,
    storeId,
    promoteWhenReady,
    reachable: own !== undefined,
    unreachableReason: own === undefined ? whySilent(record, survey) : null,
    matchIndex: leads ? leader.lastIndex : (progress?.matchIndex ?? null),
    lag: leads ? 0 : (progress?.lag ?? null),
    lastContactMs: leads ? 0 : (progress?.lastContactMs ?? null),
    connection: progress?.connection ?? null,
    replication: progress?.state ?? null,
    upToDate: leader === undefined ? null : leads || isUpToDate(progress),
    heard: leader === undefined ? null : leads || progress?.recentlyActive === true,
    caughtUp: leader === undefined ? null : leads || isFit(progress),
    term: own?.term ?? null,
    firstIndex: own?.firstIndex ?? null,
    lastIndex: own?.lastIndex ?? null,
    commitIndex: own?.commitIndex ?? null,
    appliedIndex: own?.appliedIndex ?? null,
    snapshotIndex: own?.snapshotIndex ?? null,
    membershipIndex: own?.membership.index ?? null,
    version: own?.version ?? null,
    pid: own?.pid ?? null,
    uptimeMs: own?.uptimeMs ?? null,
    time: own?.time ?? null,
    blankData,
    diskLow: own?.diskLow ?? null,
    damagedFiles: own?.damagedFiles ?? null,
  }
}

function isUpToDate(progress: Progress | undefined): boolean {
  return (
    progress?.recentlyActive === true && progress.state !== 'snapshot' && progress.lag <= LAG_MAX
  )
}

/** As the leader judges it when it is asked to promote. */
export function isFit(progress: Progress | undefined): boolean {
  if (progress === undefined) return false
  return progress.caughtUp || (progress.lag === 0 && progress.recentlyActive)
}

export function roleOf(id: number, membership: MembershipView): MemberRole {
  if (membership.voters.includes(id) || membership.votersOutgoing.includes(id)) return 'voter'
  return membership.observers.includes(id) ? 'observer' : 'learner'
}

function whySilent({address, storeId}: MemberRecord, survey: Heard): string {
  const stranger = survey.strangers.find(node => node.endpoint === address)
  if (stranger !== undefined) {
    return stranger.raftRole === 'pristine'
      ? `${address}: a node on an empty data directory answers there`
      : `${address}: a node of another cluster answers there`
  }
  const other = survey.answers.find(answer => answer.endpoint === address)
  if (other !== undefined && other.storeId !== storeId) {
    return `${address}: a node on another data directory answers there`
  }
  if (other !== undefined) return `${address}: node ${other.nodeId} answers there`
  return survey.failures.get(address) ?? `${address} was not asked`
}

function problemsOf(
  members: readonly MemberStatus[],
  leader: NodeStatus | undefined,
  quorate: boolean,
  membership: MembershipView,
  upToDate: ReadonlySet<number>,
): string[] {
  const problems: string[] = []
  if (leader === undefined) {
    problems.push('no member leads')
  } else if (!quorate) {
    const needed = majorityOf(membership.voters.length)
    problems.push(
      `no quorum: ${upToDate.size} of ${membership.voters.length} voters are up to date, ` +
        `${needed} are needed`,
    )
  }
  for (const member of members) {
    const who = `member ${member.id}${member.name === '' ? '' : ` (${member.name})`}`
    if (member.blankData) problems.push(`${who} runs on an empty data directory`)
    else if (!member.reachable) problems.push(`${who}: ${member.unreachableReason}`)
    else if (member.diskLow) problems.push(`${who} takes no writes: its disk is nearly full`)
    else if (member.upToDate === false && member.role !== 'observer') {
      problems.push(`${who} is not up to date${member.lag === null ? '' : `: lag ${member.lag}`}`)
    }
    for (const {file} of member.damagedFiles ?? []) problems.push(`${who}: ${file} is damaged`)
  }
  if (membership.stage !== 'uniform') {
    problems.push(`a membership change is under way (${membership.stage})`)
  }
  return problems
}
