/**
 * The arithmetic of majorities (paper §5.2, §6). Quorums come from the membership alone, never from
 * the connections that happen to exist. An empty half of a joint stage is satisfied.
 */
import type {NodeId} from './types.js'

export interface VoterHalves {
  readonly voters: readonly NodeId[]
  readonly votersOutgoing: readonly NodeId[]
}

export type VoteResult = 'won' | 'lost' | 'pending'

export function majority(voterCount: number): number {
  return Math.floor(voterCount / 2) + 1
}

/**
 * The largest value that a majority of both halves has reached. `valueFor` answers 0 for a voter that
 * nothing is known of. Infinity when there is no voter at all.
 */
export function quorumValue(halves: VoterHalves, valueFor: (id: NodeId) => number): number {
  return Math.min(
    majorityValue(halves.voters, valueFor),
    majorityValue(halves.votersOutgoing, valueFor),
  )
}

/** Counts one vote per voter: true granted, false refused, undefined not answered. */
export function countVotes(
  halves: VoterHalves,
  voteOf: (id: NodeId) => boolean | undefined,
): VoteResult {
  const incoming = countHalf(halves.voters, voteOf)
  const outgoing = countHalf(halves.votersOutgoing, voteOf)
  if (incoming === 'lost' || outgoing === 'lost') return 'lost'
  return incoming === 'won' && outgoing === 'won' ? 'won' : 'pending'
}

function majorityValue(voters: readonly NodeId[], valueFor: (id: NodeId) => number): number {
  if (voters.length === 0) return Number.POSITIVE_INFINITY
  const values = voters.map(valueFor).sort((a, b) => b - a)
  return values[majority(voters.length) - 1]!
}

function countHalf(
  voters: readonly NodeId[],
  voteOf: (id: NodeId) => boolean | undefined,
): VoteResult {
  if (voters.length === 0) return 'won'
  let granted = 0
  let unanswered = 0
  for (const id of voters) {
    const vote = voteOf(id)
    if (vote === true) granted++
    else if (vote === undefined) unanswered++
  }
  const needed = majority(voters.length)
  if (granted >= needed) return 'won'
  return granted + unanswered >= needed ? 'pending' : 'lost'
}
