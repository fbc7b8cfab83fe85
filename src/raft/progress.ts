/**
 * What the leader knows of one peer (thesis §10.2).
 *
 *           rejection, silence                    next entry compacted
 *   replicate ─────────────────▶ probe ─────────────────────────────────▶ snapshot
 *       ▲──────acknowledged───────┘ ▲─────── failed, silent ──────────────────┘
 *       └───────────────────────────────── installed ─────────────────────────┘
 *
 * Probe: one append at a time, to find where the logs agree. Replicate: a bounded window of appends in
 * flight. Snapshot: nothing until the peer has installed one.
 */
import type {ProgressState} from './status.js'
import type {LogIndex, NodeId} from './types.js'
import {logIndex} from './types.js'

interface Flight {
  readonly lastIndex: LogIndex
  readonly bytes: number
}

/** A learner's catch-up, in rounds (thesis §4.2.1). */
interface Round {
  readonly target: LogIndex
  readonly startTick: number
  readonly startMatch: LogIndex
}

export class Progress {
  readonly id: NodeId
  state: ProgressState = 'probe'
  matchIndex: LogIndex = logIndex(0)
  nextIndex: LogIndex
  /** Probe: an append is on its way; the next waits for its answer or for a heartbeat's. */
  probeSent = false
  /** Send an append even without entries: the peer answered a heartbeat but lacks entries. */
  askAgain = false
  /** The commit index that the peer was last told. */
  sentCommit: LogIndex = logIndex(0)
  /** The latest read round that the peer has confirmed. */
  readRound = 0
  lastContactTick: number | undefined
  /** Tick at which the snapshot was asked for or last moved. */
  snapshotTick = 0
  /** Removed from the membership; served until this tick, or until it knows. */
  departing: {readonly untilTick: number; readonly removalIndex: LogIndex} | undefined

  #flights: Flight[] = []
  #flightBytes = 0
  #round: Round | undefined
  #lastRoundTicks: number | undefined
  entriesPerTick = 0

  constructor(id: NodeId, nextIndex: LogIndex) {
    this.id = id
    this.nextIndex = nextIndex
  }

  get inFlight(): number {
    return this.#flights.length
  }

  get inFlightBytes(): number {
    return this.#flightBytes
  }

  becomeProbe(nextIndex: LogIndex): void {
    this.state = 'probe'
    this.nextIndex = nextIndex
    this.probeSent = false
    this.#clearFlights()
  }

  becomeReplicate(): void {
    this.state = 'replicate'
    this.nextIndex = logIndex(this.matchIndex + 1)
    this.probeSent = false
    this.#clearFlights()
  }

  becomeSnapshot(tick: number): void {
    this.state = 'snapshot'
    this.snapshotTick = tick
    this.probeSent = false
    this.#clearFlights()
  }

  /** Notes an append on its way. */
  sent(lastIndex: LogIndex, bytes: number): void {
    if (this.state === 'probe') {
      this.probeSent = true
      return
    }
    this.nextIndex = logIndex(lastIndex + 1)
    this.#flights.push({lastIndex, bytes})
    this.#flightBytes += bytes
  }

  /** The peer holds everything up to `index`. Returns whether that is news. */
  acknowledge(index: LogIndex): boolean {
    let freed = 0
    while (freed < this.#flights.length && this.#flights[freed]!.lastIndex <= index) {
      this.#flightBytes -= this.#flights[freed]!.bytes
      freed++
    }
    if (freed > 0) this.#flights = this.#flights.slice(freed)
    if (index >= this.nextIndex) this.nextIndex = logIndex(index + 1)
    if (index <= this.matchIndex) return false
    this.matchIndex = index
    this.probeSent = false
    return true
  }

  /**
   * The peer does not hold `rejected`; `hint` is where both may agree. Returns false for an answer to
   * an append that has been overtaken since; what is acknowledged is never taken back.
   */
  reject(rejected: LogIndex, hint: LogIndex): boolean {
    if (this.state === 'replicate') {
      if (rejected <= this.matchIndex) return false
      this.becomeProbe(logIndex(Math.max(this.matchIndex + 1, Math.min(rejected, hint + 1))))
      return true
    }
    if (this.state !== 'probe' || this.nextIndex - 1 !== rejected) return false
    this.nextIndex = logIndex(Math.max(this.matchIndex + 1, Math.min(rejected, hint + 1)))
    this.probeSent = false
    return true
  }

  /** A round runs from an entry that the peer lacks until it holds what was last at that time. */
  beginRound(lastIndex: LogIndex, tick: number): void {
    if (this.#round || this.matchIndex >= lastIndex) return
    this.#round = {target: lastIndex, startTick: tick, startMatch: this.matchIndex}
  }

  /** Follows the round under way; to be told after each acknowledgement. */
  updateRound(lastIndex: LogIndex, tick: number): void {
    const round = this.#round
    if (!round) return
    const ticks = tick - round.startTick
    this.entriesPerTick = (this.matchIndex - round.startMatch) / Math.max(1, ticks)
    if (this.matchIndex < round.target) return
    this.#lastRoundTicks = ticks
    this.#round = undefined
    this.beginRound(lastIndex, tick)
  }

  /**
   * Does the peer hold everything, or did its last round, and does the one under way, take less than
   * an election timeout?
   */
  isCaughtUp(lastIndex: LogIndex, electionTicks: number, tick: number): boolean {
    if (this.matchIndex >= lastIndex) return true
    if (this.#lastRoundTicks === undefined) return false
    const waitingTicks = this.#round ? tick - this.#round.startTick : 0
    return this.#lastRoundTicks < electionTicks && waitingTicks < electionTicks
  }

  #clearFlights(): void {
    this.#flights = []
    this.#flightBytes = 0
  }
}
