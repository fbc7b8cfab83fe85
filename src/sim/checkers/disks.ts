/**
 * What each node's log holds for certain, kept beside the log and independently of it:
 *
 *   append called ──▶ pending ──append resolved──▶ durable
 *
 * After a restart the log must show the durable part, with or without the whole pending batch, and
 * nothing else.
 */
import type {DurableLog, LogBatch} from '../../node/ports.js'
import {majority, type VoterHalves} from '../../raft/quorum.js'
import type {Entry, HardState, NodeId} from '../../raft/types.js'
import {logIndex, term} from '../../raft/types.js'
import type {LogMatching} from './log-matching.js'
import type {Verdict} from './verdict.js'

const NO_HARD_STATE: HardState = {term: term(0), votedFor: undefined, commitIndex: logIndex(0)}

/** One node's durable log; positions at or below `base` are covered by a snapshot. */
export class Disk {
  base = 0
  baseTerm = 0
  /** Of the entries behind `base`. */
  terms: number[] = []
  hardState: HardState = NO_HARD_STATE
  pending: LogBatch | undefined
  /** The highest index that compaction was allowed to reach. */
  compactedTo = 0

  get lastIndex(): number {
    return this.base + this.terms.length
  }

  /** undefined beyond the log, and for what only a snapshot covers. */
  termAt(index: number): number | undefined {
    if (index === this.base) return this.baseTerm
    return this.terms[index - this.base - 1]
  }

  /** With the batch under way. */
  writtenTermAt(index: number): number | undefined {
    const first = this.pending?.entries[0]
    if (first === undefined || this.pending?.reset !== undefined) return this.termAt(index)
    return index < first.index
      ? this.termAt(index)
      : this.pending?.entries[index - first.index]?.term
  }

  holds(index: number, at: number): boolean {
    return index < this.base || this.termAt(index) === at
  }

  take({reset, hardState, entries}: LogBatch): void {
    if (reset !== undefined) {
      this.base = reset.index
      this.baseTerm = reset.term
      this.terms = []
    }
    const first = entries[0]
    if (first !== undefined) {
      const keep = first.index - this.base - 1
      if (keep < this.terms.length) this.terms.length = keep
      for (const entry of entries) this.terms.push(entry.term)
    }
    if (hardState !== undefined) this.hardState = hardState
  }

  copy(): Disk {
    const copy = new Disk()
    Object.assign(copy, this, {terms: [...this.terms]})
    return copy
  }
}

export class Disks {
  readonly #verdict: Verdict
  readonly #matching: LogMatching
  readonly #disks = new Map<NodeId, Disk>()

  constructor(verdict: Verdict, matching: LogMatching) {
    this.#verdict = verdict
    this.#matching = matching
  }

  of(id: NodeId): Disk {
    let disk = this.#disks.get(id)
    if (disk === undefined) {
      disk = new Disk()
      this.#disks.set(id, disk)
    }
    return disk
  }

  /** A batch is on its way. `leads`: does this node lead the term of the batch's first entry? */
  appending(id: NodeId, batch: LogBatch, leads: (at: number) => boolean): void {
    const disk = this.of(id)
    const {reset, entries} = batch
    const first = entries[0]
    if (first !== undefined) {
      const isOwn = reset === undefined && leads(first.term)
      if (isOwn && first.index !== disk.lastIndex + 1) {
        this.#verdict.violated(
          'leader-append-only',
          `node ${id} leads term ${first.term} and replaces its entries from ${first.index} of ${disk.lastIndex}`,
        )
      }
      const before = first.index - 1
      const prev = reset?.index === before ? reset.term : disk.termAt(before)
      if (prev !== undefined) this.#matching.chain(id, prev, entries)
    }
    disk.pending = batch
  }

  appended(id: NodeId): void {
    const disk = this.of(id)
    if (disk.pending !== undefined) disk.take(disk.pending)
    disk.pending = undefined
  }

  compacting(id: NodeId, index: number): void {
    const disk = this.of(id)
    disk.compactedTo = Math.max(disk.compactedTo, index)
  }

  /** The log after a restart; what it shows is what counts from now on. */
  recovered(id: NodeId, log: DurableLog): void {
    const disk = this.of(id)
    const complaint = complaintAbout(log, disk)
    if (disk.pending !== undefined && complaint !== undefined) {
      const written = disk.copy()
      written.take(disk.pending)
      const second = complaintAbout(log, written)
      if (second !== undefined) {
        this.#verdict.violated(
          'durability',
          `the log of node ${id} is neither what was durable (${complaint}) nor that with the batch under way (${second})`,
        )
      }
      disk.take(disk.pending)
    } else if (complaint !== undefined) {
      this.#verdict.violated(
        'durability',
        `the log of node ${id} is not what was durable: ${complaint}`,
      )
    }
    disk.pending = undefined
    this.#checkContent(id, log, disk)
  }

  /** Is this position on the disks of a majority, in each half? */
  onQuorum(halves: VoterHalves, index: number, at: number): boolean {
    for (const half of [halves.voters, halves.votersOutgoing]) {
      if (half.length === 0) continue
      let holding = 0
      for (const id of half) if (this.#disks.get(id)?.holds(index, at)) holding++
      if (holding < majority(half.length)) return false
    }
    return true
  }

  #checkContent(id: NodeId, log: DurableLog, disk: Disk): void {
    const first = log.firstIndex()
    const last = log.lastIndex()
    if (first > last) return
    const entries: Entry[] = []
    while (entries.length < last - first + 1) {
      const lo = logIndex(first + entries.length)
      entries.push(...log.entries(lo, last, Number.MAX_SAFE_INTEGER))
    }
    const prev = disk.termAt(first - 1)
    if (prev !== undefined) this.#matching.chain(id, prev, entries)
  }
}

/** What is wrong with the log, if it is to show `disk`; older entries than those may be left. */
function complaintAbout(log: DurableLog, disk: Disk): string | undefined {
  const {term: at, votedFor, commitIndex} = log.hardState
  const expected = disk.hardState
  if (at !== expected.term || votedFor !== expected.votedFor) {
    return `term ${at} with vote ${votedFor}, not ${expected.term} with ${expected.votedFor}`
  }
  if (commitIndex !== expected.commitIndex) {
    return `commit record ${commitIndex}, not ${expected.commitIndex}`
  }
  if (log.lastIndex() !== disk.lastIndex) return `last ${log.lastIndex()}, not ${disk.lastIndex}`
  const first = log.firstIndex()
  if (first - 1 > Math.max(disk.base, disk.compactedTo)) {
    return `it begins at ${first}, compacted to ${disk.compactedTo}`
  }
  for (let index = Math.max(first, disk.base + 1); index <= disk.lastIndex; index++) {
    if (log.term(logIndex(index)) !== disk.termAt(index)) {
      return `term ${log.term(logIndex(index))} at ${index}, not ${disk.termAt(index)}`
    }
  }
  return undefined
}
