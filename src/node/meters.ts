import type {Ready} from '../raft/ready.js'
import type {Entry, LogIndex, NodeId, Role} from '../raft/types.js'
import type {Latencies} from './api.js'
import {Histogram} from './histogram.js'
import type {Clock} from './ports.js'

/** Proposals whose time is kept: of more in flight, the oldest are not measured. A power of two. */
const PROPOSALS_KEPT = 16_384
/** Likewise Readys that are being written. */
const READYS_KEPT = 1024

/** How long a runtime's work takes. Called for each entry: nothing here allocates. */
export class Meters implements Latencies {
  readonly queue: Histogram
  readonly sync: Histogram
  readonly commit: Histogram
  readonly apply: Histogram
  readonly election: Histogram
  readonly eventLoop: Histogram
  readonly #clock: Clock
  readonly #tickMs: number
  readonly #proposedIndex = new Float64Array(PROPOSALS_KEPT)
  readonly #proposedMs = new Float64Array(PROPOSALS_KEPT)
  readonly #submittedMs = new Float64Array(READYS_KEPT)
  #lastProposed = 0
  #lastTickMs: number
  #electionMs: number | undefined

  constructor(clock: Clock, tickMs: number) {
    const nowMs = clock.nowMs()
    this.#clock = clock
    this.#tickMs = tickMs
    this.#lastTickMs = nowMs
    this.queue = new Histogram(nowMs)
    this.sync = new Histogram(nowMs)
    this.commit = new Histogram(nowMs)
    this.apply = new Histogram(nowMs)
    this.election = new Histogram(nowMs)
    this.eventLoop = new Histogram(nowMs)
  }

  /** A tick that comes late had to wait for whatever else this process did. */
  ticked(): void {
    const nowMs = this.#clock.nowMs()
    this.eventLoop.observe(Math.max(0, nowMs - this.#lastTickMs - this.#tickMs), nowMs)
    this.#lastTickMs = nowMs
  }

  proposed(index: LogIndex): void {
    const at = index & (PROPOSALS_KEPT - 1)
    this.#proposedIndex[at] = index
    this.#proposedMs[at] = this.#clock.nowMs()
    this.#lastProposed = index
  }

  /** Before it is handed on, to the log and the state machine. */
  taken({number, entries, committedEntries}: Ready): void {
    if (entries.length > 0) this.#submittedMs[number & (READYS_KEPT - 1)] = this.#clock.nowMs()
    if (committedEntries.length > 0) this.#committed(committedEntries)
  }

  /** `syncMs`: how long their common write and sync took; undefined where there was none. */
  persisted(readys: readonly Ready[], syncMs: number | undefined): void {
    if (syncMs === undefined) return
    const nowMs = this.#clock.nowMs()
    this.sync.observe(syncMs, nowMs)
    for (const {number, entries} of readys) {
      if (entries.length === 0) continue
      const waitedMs = nowMs - syncMs - this.#submittedMs[number & (READYS_KEPT - 1)]!
      this.queue.observe(Math.max(0, waitedMs), nowMs)
    }
  }

  applied(ms: number): void {
    this.apply.observe(ms, this.#clock.nowMs())
  }

  /** An election lasts from the first campaign without a leader until one is known. */
  changed(role: Role, leaderId: NodeId | undefined): void {
    if (role !== 'leader' && this.#lastProposed > 0) this.#forgetProposals()
    const nowMs = this.#clock.nowMs()
    if (leaderId === undefined) {
      if (role !== 'follower') this.#electionMs ??= nowMs
      return
    }
    if (this.#electionMs !== undefined) this.election.observe(nowMs - this.#electionMs, nowMs)
    this.#electionMs = undefined
  }

  #committed(entries: readonly Entry[]): void {
    if (entries[0]!.index > this.#lastProposed) return
    const nowMs = this.#clock.nowMs()
    for (const {index} of entries) {
      const at = index & (PROPOSALS_KEPT - 1)
      if (this.#proposedIndex[at] !== index) continue
      this.#proposedIndex[at] = 0
      this.commit.observe(nowMs - this.#proposedMs[at]!, nowMs)
    }
  }

  /** Another leader may put other entries at their indexes. */
  #forgetProposals(): void {
    this.#proposedIndex.fill(0)
    this.#lastProposed = 0
  }
}
