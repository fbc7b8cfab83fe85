import {RaftctlError} from '../errors.js'
import type {Entry, LogIndex, LogPosition, Term} from '../raft/types.js'
import {term as termOf} from '../raft/types.js'
import type {ProposalWaiter} from './api.js'
import type {ApplyResult} from './ports.js'

/** Callers whose entry is in the log and not applied yet. */
export class PendingProposals {
  #byIndex = new Map<LogIndex, {readonly term: Term; readonly waiter: ProposalWaiter}>()
  #appliedTerm = termOf(0)

  get size(): number {
    return this.#byIndex.size
  }

  /** Tells `waiter` when the entry of this position is applied here. */
  add(index: LogIndex, term: Term, waiter: ProposalWaiter): void {
    const cut = this.#byIndex.get(index)
    this.#byIndex.set(index, {term, waiter})
    // The log was cut below an older proposal; another member may still hold that one.
    cut?.waiter.failed(outcomeUnknown('another leader cut the log'))
  }

  applied(entries: readonly Entry[], results: readonly ApplyResult[]): void {
    for (let i = 0; i < entries.length; i++) {
      const {index, term} = entries[i]!
      const waiting = this.#byIndex.get(index)
      if (!waiting) continue
      this.#byIndex.delete(index)
      if (waiting.term === term) waiting.waiter.applied(index, term, results[i])
      else waiting.waiter.failed(overwritten(index))
    }
    this.#dropBefore(entries.at(-1)!.term)
  }

  /** A snapshot replaced the log up to its position: what became of entries in it can't be told. */
  skipped({index, term}: LogPosition): void {
    this.#rejectUpTo(index, 'a snapshot from the leader covers the write')
    this.#dropBefore(term)
  }

  stopped(): void {
    this.#rejectUpTo(Number.MAX_SAFE_INTEGER, 'the node stopped before the write was applied')
  }

  /**
   * Terms never go down along a log, and every later leader holds what is applied: behind an applied
   * entry of a newer term nothing of an older one will ever be committed.
   */
  #dropBefore(term: Term): void {
    if (term === this.#appliedTerm) return
    this.#appliedTerm = term
    for (const [index, waiting] of this.#byIndex) {
      if (waiting.term >= term) continue
      this.#byIndex.delete(index)
      waiting.waiter.failed(overwritten(index))
    }
  }

  #rejectUpTo(last: number, why: string): void {
    for (const [index, {waiter}] of this.#byIndex) {
      if (index > last) continue
      this.#byIndex.delete(index)
      waiter.failed(outcomeUnknown(why))
    }
  }
}

interface WaitingRead {
  readonly deadlineMs: number
  readonly resolve: (index: LogIndex) => void
  readonly reject: (error: RaftctlError) => void
}

/** Callers that wait for a read barrier: first for its index, then until that is applied. */
export class PendingReads {
  #byToken = new Map<number, WaitingRead>()
  #byIndex: (WaitingRead & {readonly index: LogIndex})[] = []

  add(token: number, deadlineMs: number): Promise<LogIndex> {
    return new Promise((resolve, reject) => this.#byToken.set(token, {deadlineMs, resolve, reject}))
  }

  confirmed(token: number, index: LogIndex, lastApplied: LogIndex): void {
    const waiting = this.#byToken.get(token)
    if (!waiting) return
    this.#byToken.delete(token)
    if (lastApplied >= index) waiting.resolve(index)
    else this.#byIndex.push({...waiting, index})
  }

  applied(lastApplied: LogIndex): void {
    if (this.#byIndex.length === 0) return
    const still = this.#byIndex.filter(waiting => waiting.index > lastApplied)
    const done = this.#byIndex.filter(waiting => waiting.index <= lastApplied)
    this.#byIndex = still
    for (const {index, resolve} of done) resolve(index)
  }

  refused(token: number): void {
    const waiting = this.#byToken.get(token)
    this.#byToken.delete(token)
    waiting?.reject(noLeaderForRead())
  }

  /** Messages can be lost, and applying can stall: a barrier that takes too long is refused. */
  expire(nowMs: number): void {
    for (const [token, {deadlineMs}] of this.#byToken) if (nowMs >= deadlineMs) this.refused(token)
    if (this.#byIndex.length === 0) return
    const late = this.#byIndex.filter(({deadlineMs}) => nowMs >= deadlineMs)
    this.#byIndex = this.#byIndex.filter(({deadlineMs}) => nowMs < deadlineMs)
    for (const {reject} of late) reject(noLeaderForRead())
  }

  stopped(): void {
    for (const token of [...this.#byToken.keys()]) this.refused(token)
    for (const {reject} of this.#byIndex.splice(0)) reject(noLeaderForRead())
  }
}

function outcomeUnknown(why: string): RaftctlError {
  return new RaftctlError(
    'RAFTCTL_OUTCOME_UNKNOWN',
    `it is not known whether the write happened: ${why}`,
    {hint: 'Read the key to see; a write within a session can be sent again as it is.'},
  )
}

function overwritten(index: LogIndex): RaftctlError {
  return new RaftctlError(
    'RAFTCTL_NO_LEADER',
    `the leader changed and the write at index ${index} was dropped; it was not applied`,
    {hint: 'Send it again.'},
  )
}

function noLeaderForRead(): RaftctlError {
  return new RaftctlError(
    'RAFTCTL_NO_LEADER',
    'no leader confirmed the read in time, or this node is behind',
    {
      hint: 'Try again, or read with --stale what this node has.',
    },
  )
}
