import type {Ready} from '../raft/ready.js'
import {mustSync} from '../raft/ready.js'
import type {Entry, HardState} from '../raft/types.js'
import type {Clock, DurableLog, LogBatch} from './ports.js'

const OVER = 'the log is written no more'

interface Watcher {
  readonly readyNumber: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * Makes Readys durable, in order. While one sync is under way the following Readys gather, and all of
 * them share the next one (group commit).
 */
export class LogWriter {
  readonly #log: DurableLog
  readonly #clock: Clock
  readonly #persisted: (readys: readonly Ready[], syncMs: number | undefined) => void
  readonly #failed: (error: unknown) => void
  #waiting: Ready[] = []
  #writing = false
  #over = false
  #idle: (() => void)[] = []
  #watchers: Watcher[] = []

  /**
   * `persisted` is told of Readys that are durable, oldest first, and how long their write and sync
   * took, undefined where nothing was to be written; after `failed` nothing follows.
   */
  constructor(
    log: DurableLog,
    clock: Clock,
    persisted: (readys: readonly Ready[], syncMs: number | undefined) => void,
    failed: (error: unknown) => void,
  ) {
    this.#log = log
    this.#clock = clock
    this.#persisted = persisted
    this.#failed = failed
  }

  submit(ready: Ready): void {
    if (this.#over) return
    if (!this.#writing && !mustSync(ready)) {
      this.#done([ready], undefined)
      return
    }
    this.#waiting.push(ready)
    if (!this.#writing) void this.#run()
  }

  /** Resolves once this Ready, not submitted yet, is durable; rejects when it never will be. */
  durable(readyNumber: number): Promise<void> {
    const durable = new Promise<void>((resolve, reject) => {
      if (this.#over) reject(new Error(OVER))
      else this.#watchers.push({readyNumber, resolve, reject})
    })
    // Whoever asked may have stopped by then.
    durable.catch(() => undefined)
    return durable
  }

  /** Begins no write any more, and reports none: not even the one under way. */
  abandon(): void {
    this.#over = true
    this.#waiting = []
    for (const {reject} of this.#watchers.splice(0)) reject(new Error(OVER))
  }

  /** Resolves once nothing is waiting or being written. */
  async drained(): Promise<void> {
    if (this.#writing) await new Promise<void>(resolve => this.#idle.push(resolve))
  }

  async #run(): Promise<void> {
    this.#writing = true
    try {
      while (this.#waiting.length > 0) {
        const group = this.#takeGroup()
        let syncMs: number | undefined
        if (group.some(mustSync)) {
          const startMs = this.#clock.nowMs()
          await this.#log.append(merge(group))
          syncMs = this.#clock.nowMs() - startMs
        }
        if (!this.#over) this.#done(group, syncMs)
      }
    } catch (error) {
      this.abandon()
      this.#failed(error)
    }
    this.#writing = false
    for (const resolve of this.#idle.splice(0)) resolve()
  }

  #done(group: readonly Ready[], syncMs: number | undefined): void {
    this.#persisted(group, syncMs)
    const upTo = group.at(-1)!.number
    while (this.#watchers.length > 0 && this.#watchers[0]!.readyNumber <= upTo) {
      this.#watchers.shift()!.resolve()
    }
  }

  /** Everything that waits, up to the next snapshot: that drops the log, so it begins a batch. */
  #takeGroup(): Ready[] {
    const cut = this.#waiting.findIndex((ready, i) => i > 0 && ready.snapshot !== undefined)
    return this.#waiting.splice(0, cut < 0 ? this.#waiting.length : cut)
  }
}

/** One batch for several Readys: a later entry replaces an earlier one of its index and all behind. */
function merge(group: readonly Ready[]): LogBatch {
  let hardState: HardState | undefined
  const entries: Entry[] = []
  for (const ready of group) {
    hardState = ready.hardState ?? hardState
    const first = ready.entries[0]
    if (first && entries.length > 0 && first.index <= entries.at(-1)!.index) {
      entries.length = Math.max(0, first.index - entries[0]!.index)
    }
    for (const entry of ready.entries) entries.push(entry)
  }
  const snapshot = group[0]?.snapshot
  const reset = snapshot && {index: snapshot.index, term: snapshot.term}
  return {reset, hardState, entries}
}
