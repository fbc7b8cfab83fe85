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
  /** The leader sends it a snapshot: entries come after that. */
  readonly snapshot: boolean
}

const WINDOW_MS = 3000

/**
 * Measures how quickly learners catch up, by what one caller sees: a learner that stands still has no
 * rate, whatever the leader made of its last round.
 */
export class CatchUpMeter {
  readonly #seen = new Map<number, {readonly atMs: number; readonly match: number}[]>()

  of({id, matchIndex, lag, state}: Progress, nowMs = performance.now()): CatchUp {
    const seen = (this.#seen.get(id) ?? []).filter(({atMs}) => nowMs - atMs <= WINDOW_MS)
    seen.push({atMs: nowMs, match: matchIndex})
    this.#seen.set(id, seen)
    const [first] = seen
    const seconds = (nowMs - first!.atMs) / 1000
    const entriesPerSecond = seconds > 0 ? Math.max(0, (matchIndex - first!.match) / seconds) : 0
    const etaMs = entriesPerSecond > 0 ? Math.round((lag / entriesPerSecond) * 1000) : null
    const snapshot = state === 'snapshot'
    return {memberId: id, match: matchIndex, gap: lag, entriesPerSecond, etaMs, snapshot}
  }
}
