import type {Progress} from '../client/types.js'

/** How far a learner is. */
export interface CatchUp {
  readonly memberId: number
  readonly match: number
  /** Entries behind the leader's last index. */
  readonly gap: number
  readonly entriesPerSecond: number
  /** null: not moving, or not known yet. */
  readonly etaMs: number | null
}

export function catchUpOf({id, matchIndex, lag, entriesPerSecond}: Progress): CatchUp {
  const etaMs = entriesPerSecond > 0 ? Math.round((lag / entriesPerSecond) * 1000) : null
  return {memberId: id, match: matchIndex, gap: lag, entriesPerSecond, etaMs}
}
