import {majority, type VoterHalves} from '../../raft/quorum.js'
import type {NodeId} from '../../raft/types.js'

/**
 * Voters that decide under `before` while the others decide under `after`; undefined if there are
 * none. Tried with every subset: members are few, and this must not be clever.
 */
export function disjointQuorums(before: VoterHalves, after: VoterHalves): NodeId[] | undefined {
  const voters = [
    ...new Set([
      ...before.voters,
      ...before.votersOutgoing,
      ...after.voters,
      ...after.votersOutgoing,
    ]),
  ]
  for (let subset = 0; subset < 1 << voters.length; subset++) {
    const inside = (id: NodeId) => (subset & (1 << voters.indexOf(id))) !== 0
    if (!decides(before, inside)) continue
    if (decides(after, id => !inside(id))) return voters.filter(inside)
  }
  return undefined
}

function decides(halves: VoterHalves, agrees: (id: NodeId) => boolean): boolean {
  return [halves.voters, halves.votersOutgoing].every(
    half => half.length === 0 || half.filter(agrees).length >= majority(half.length),
  )
}
