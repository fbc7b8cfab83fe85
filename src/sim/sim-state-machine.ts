import type {KeyRange, RangeResult} from '../kv/range.js'
import type {StoredValue} from '../kv/records.js'
import type {ApplyResult, StateMachine, StateSnapshot} from '../node/ports.js'
import type {Membership} from '../raft/membership.js'
import type {SnapshotMeta} from '../raft/messages.js'
import type {Entry, LogIndex, Term} from '../raft/types.js'
import type {MemoryStateMachine} from './memory-state-machine.js'
import type {ReadableState, RunningProcess} from './parts.js'

/** A record takes about ten turns: without many an event, restoring would outlast elections. */
const RESTORE_TURNS = 300

/** The key-value state of one process: applying takes time, and checkers see what was applied. */
export class SimStateMachine implements StateMachine, ReadableState {
  readonly #process: RunningProcess
  readonly #inner: MemoryStateMachine

  constructor(process: RunningProcess, inner: MemoryStateMachine) {
    this.#process = process
    this.#inner = inner
  }

  get appliedIndex(): LogIndex {
    return this.#inner.appliedIndex
  }
  get appliedTerm(): Term {
    return this.#inner.appliedTerm
  }
  get membership(): Membership {
    return this.#inner.membership
  }
  get durableIndex(): LogIndex {
    return this.#inner.durableIndex
  }

  apply(entries: readonly Entry[]): Promise<ApplyResult[]> {
    const {node} = this.#process
    const {world} = node
    return new Promise(resolve => {
      const {applyMeanMs} = world.scenario.disk
      world.after(world.diskRandom.exponential(applyMeanMs), () => {
        if (!this.#process.isAlive) return
        node.run(() => {
          const results = this.#inner.applyNow(entries)
          world.checks.applied(node.id, entries, results)
          resolve(results)
          world.want(4)
        })
      })
    })
  }

  async flush(): Promise<void> {
    this.#inner.flushNow()
  }

  get(key: Uint8Array): StoredValue | undefined {
    return this.#inner.get(key)
  }

  range(range: KeyRange): RangeResult {
    return this.#inner.range(range)
  }

  snapshot(): StateSnapshot {
    const {node} = this.#process
    node.world.checks.snapshot(node.id, metaOf(this.#inner), this.checksum())
    return this.#inner.snapshot()
  }

  async restore(meta: SnapshotMeta, content: AsyncIterable<Uint8Array>): Promise<void> {
    const {node} = this.#process
    await node.world.long(this.#inner.restore(meta, content), RESTORE_TURNS)
    if (!this.#process.isAlive) return new Promise(() => {})
    node.world.checks.installed(node.id, meta, this.checksum())
  }

  close(): Promise<void> {
    return this.#inner.close()
  }

  /** Of the whole content: equal for equal states. */
  checksum(): number {
    return this.#inner.checksum()
  }

  /** From now on a part of the state becomes durable every now and then. */
  flushNowAndThen(): void {
    const {node} = this.#process
    const {world} = node
    world.after(node.random.exponential(world.scenario.disk.flushMeanMs), () => {
      if (!this.#process.isAlive) return
      this.#inner.flushNow()
      this.flushNowAndThen()
    })
  }
}

function metaOf({appliedIndex: index, appliedTerm: term, membership}: MemoryStateMachine) {
  return {index, term, membership}
}
