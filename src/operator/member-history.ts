import type {ClusterClient} from '../client/cluster-client.js'
import type {AppliedMembership, MembershipView} from '../client/types.js'

/** One change of the membership, as `member history` shows it. */
export interface HistoryRecord {
  readonly index: number
  readonly term: number
  /** null: the leader made it by itself, and the core knows no clock. */
  readonly time: string | null
  /** user@host; "leader" for what the leader did by itself. */
  readonly actor: string
  readonly reason: string
  /** What became of whom: "+4 learner", "4 voter", "-3". */
  readonly change: string
  readonly stage: MembershipView['stage']
  readonly voters: readonly number[]
  readonly votersOutgoing: readonly number[]
  readonly learners: readonly number[]
  readonly observers: readonly number[]
}

/** Oldest first; the newest `limit` of what the leader remembers. */
export async function memberHistory(
  client: ClusterClient,
  limit: number | undefined,
): Promise<HistoryRecord[]> {
  // One more than shown: what changed is told by comparing with the one before.
  const changes = await client.membershipHistory(limit === undefined ? 0 : limit + 1)
  const records = changes.map((change, i) => recordOf(change, changes[i - 1]?.membership))
  return limit === undefined ? records : records.slice(-limit)
}

function recordOf(
  {term, time, actor, reason, membership}: AppliedMembership,
  before: MembershipView | undefined,
): HistoryRecord {
  const {index, stage, voters, votersOutgoing, learners, observers} = membership
  const change =
    before === undefined ? `voters ${voters.join(',')}` : difference(before, membership)
  return {
    index,
    term,
    time,
    actor,
    reason,
    change,
    stage,
    voters,
    votersOutgoing,
    learners,
    observers,
  }
}

function difference(before: MembershipView, after: MembershipView): string {
  const parts: string[] = []
  const ids = new Set([...before.members, ...after.members].map(member => member.id))
  for (const id of [...ids].sort((a, b) => a - b)) {
    const was = roleIn(before, id)
    const is = roleIn(after, id)
    if (was === undefined) parts.push(`+${id} ${is}`)
    else if (is === undefined) parts.push(`-${id}`)
    else if (was !== is) parts.push(`${id} ${is}`)
    else parts.push(...fieldsChanged(before, after, id))
  }
  if (before.target === null && after.target !== null) parts.push('set begun')
  if (before.target !== null && after.target === null && after.stage === 'uniform') {
    parts.push('set given up')
  }
  return parts.length === 0 ? '-' : parts.join(', ')
}

function fieldsChanged(before: MembershipView, after: MembershipView, id: number): string[] {
  const was = before.members.find(member => member.id === id)!
  const is = after.members.find(member => member.id === id)!
  return [
    ...(was.address === is.address ? [] : [`${id} at ${is.address}`]),
    ...(was.name === is.name ? [] : [`${id} called ${is.name}`]),
    ...(was.promoteWhenReady === is.promoteWhenReady
      ? []
      : [`${id} ${is.promoteWhenReady ? 'to be promoted' : 'stays a learner'}`]),
  ]
}

function roleIn(membership: MembershipView, id: number): string | undefined {
  if (!membership.members.some(member => member.id === id)) return undefined
  if (membership.voters.includes(id)) return 'voter'
  if (membership.votersOutgoing.includes(id)) return 'leaving voter'
  return membership.observers.includes(id) ? 'observer' : 'learner'
}
