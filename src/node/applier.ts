import {RaftctlError} from '../errors.js'
import type {SnapshotMeta} from '../raft/messages.js'
import type {Entry} from '../raft/types.js'
import type {ApplyResult, Clock, SnapshotStore, StateMachine} from './ports.js'

type Work =
  | {readonly kind: 'apply'; readonly entries: readonly Entry[]}
  | {
      readonly kind: 'restore'
      readonly meta: SnapshotMeta
      readonly content: AsyncIterable<Uint8Array>
      readonly logReset: Promise<void>
    }

export interface ApplierEvents {
  /** `ms`: how long the state machine took. */
  applied(entries: readonly Entry[], results: readonly ApplyResult[], ms: number): void
  restored(meta: SnapshotMeta): void
  failed(error: unknown): void
}

/** Entries applied in one transaction: enough to share its cost, little enough to answer soon. */
const ENTRIES_PER_APPLY_MAX = 2048

const STOPPED = new RaftctlError('RAFTCTL_NODE_STOPPED', 'this node is stopping')

/** Feeds the state machine in log order, one piece of work at a time. */
export class Applier {
  readonly #stateMachine: StateMachine
  readonly #snapshots: SnapshotStore
  readonly #clock: Clock
  readonly #events: ApplierEvents
  #waiting: Work[] = []
  #working = false
  #stopped = false
  #idle: (() => void)[] = []

  constructor(
    stateMachine: StateMachine,
    snapshots: SnapshotStore,
    clock: Clock,
    events: ApplierEvents,
  ) {
    this.#stateMachine = stateMachine
    this.#snapshots = snapshots
    this.#clock = clock
    this.#events = events
  }

  apply(entries: readonly Entry[]): void {
    this.#submit({kind: 'apply', entries})
  }

  /** Rebuilds the state from a snapshot, once what was handed over before is applied. */
  restore(meta: SnapshotMeta, logReset: Promise<void>): void {
    if (this.#stopped) return
    try {
      // Taken now: before its turn comes, newer ones may have arrived and pushed it out of the store.
      this.#submit({kind: 'restore', meta, content: this.#contentOf(meta), logReset})
    } catch (error) {
      this.#fail(error)
    }
  }

  /**
   * Finishes the commands under way and takes no more. A restore under way is given up: the next start
   * finds the log behind the state, and begins it anew.
   */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#waiting = []
    if (this.#working) await new Promise<void>(resolve => this.#idle.push(resolve))
  }

  #submit(work: Work): void {
    if (this.#stopped) return
    this.#waiting.push(work)
    if (!this.#working) void this.#run()
  }

  async #run(): Promise<void> {
    this.#working = true
    try {
      while (this.#waiting.length > 0) {
        const work = this.#waiting.shift()!
        if (work.kind === 'restore') await this.#restore(work.meta, work.content, work.logReset)
        else await this.#apply(work.entries)
      }
    } catch (error) {
      if (error !== STOPPED) this.#fail(error)
    }
    this.#working = false
    for (const resolve of this.#idle.splice(0)) resolve()
  }

  #fail(error: unknown): void {
    this.#stopped = true
    this.#waiting = []
    this.#events.failed(error)
  }

  async #apply(first: readonly Entry[]): Promise<void> {
    let entries = first
    while (this.#waiting[0]?.kind === 'apply' && entries.length < ENTRIES_PER_APPLY_MAX) {
      const more = this.#waiting.shift()
      if (more?.kind === 'apply') entries = [...entries, ...more.entries]
    }
    const startMs = this.#clock.nowMs()
    const results = await this.#stateMachine.apply(entries)
    this.#events.applied(entries, results, this.#clock.nowMs() - startMs)
  }

  async #restore(
    meta: SnapshotMeta,
    content: AsyncIterable<Uint8Array>,
    logReset: Promise<void>,
  ): Promise<void> {
    await logReset
    await this.#stateMachine.restore(meta, this.#untilStopped(content))
    this.#events.restored(meta)
  }

  async *#untilStopped(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const piece of content) {
      if (this.#stopped) throw STOPPED
      yield piece
    }
  }

  #contentOf(meta: SnapshotMeta): AsyncIterable<Uint8Array> {
    const found = this.#snapshots.list().find(({index, term}) => {
      return index === meta.index && term === meta.term
    })
    if (!found) {
      throw new RaftctlError(
        'RAFTCTL_DATA_DAMAGED',
        `the snapshot at index ${meta.index} is gone before it was installed`,
      )
    }
    return this.#snapshots.content(found.id)
  }
}
