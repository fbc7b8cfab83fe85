import type {DurableLog, LogBatch} from '../../node/ports.js'
import type {CoreView} from '../../node/runtime.js'
import type {RaftLimits} from '../../raft/config.js'
import {isRemovedId} from '../../raft/membership.js'
import type {Message, SnapshotMeta} from '../../raft/messages.js'
import type {Entry, NodeId} from '../../raft/types.js'
import {Commits} from './commits.js'
import {Disks} from './disks.js'
import {Elections} from './elections.js'
import {History} from './history.js'
import {LogMatching} from './log-matching.js'
import {Monotone} from './monotone.js'
import {Verdict} from './verdict.js'
import {Writes} from './writes.js'

/**
 * All checkers of one simulation, told of everything that nodes do at their ports. They judge by what
 * they have seen there, and believe nothing that the core says of itself but its role, its term, its
 * indexes and its membership.
 */
export class Checks {
  readonly verdict: Verdict
  readonly disks: Disks
  readonly elections: Elections
  readonly commits: Commits
  readonly writes: Writes
  readonly history: History
  readonly #matching: LogMatching
  readonly #monotone: Monotone
  readonly #limits: Partial<RaftLimits>
  /** By snapshot id: checksum of its content. */
  readonly #snapshots = new Map<string, number>()

  constructor(
    moment: () => {readonly step: number; readonly atMs: number},
    limits: Partial<RaftLimits>,
  ) {
    this.verdict = new Verdict(moment)
    this.#matching = new LogMatching(this.verdict)
    this.disks = new Disks(this.verdict, this.#matching)
    this.elections = new Elections(this.verdict, this.disks)
    this.commits = new Commits(this.verdict, this.disks, this.elections, this.#matching)
    this.writes = new Writes(this.verdict, this.commits)
    this.history = new History(this.verdict)
    this.#monotone = new Monotone(this.verdict, this.disks)
    this.#limits = limits
  }

  founded(entry: Entry): void {
    this.commits.founded(entry)
  }

  recovered(id: NodeId, log: DurableLog): void {
    this.disks.recovered(id, log)
    this.elections.durable(id, this.disks.of(id).hardState)
  }

  started(id: NodeId, appliedIndex: number): void {
    this.commits.standsAt(id, appliedIndex)
    this.#monotone.started(id, appliedIndex)
  }

  appending(id: NodeId, batch: LogBatch): void {
    this.disks.appending(id, batch, term => this.elections.leads(id, term))
  }

  appended(id: NodeId): void {
    this.disks.appended(id)
    this.elections.durable(id, this.disks.of(id).hardState)
  }

  sent(message: Message): void {
    this.#matching.sent(message)
    this.elections.sent(message)
    if (message.kind === 'append-entries') this.#checkSize(message.from, message.entries)
  }

  applied(id: NodeId, entries: readonly Entry[], results: readonly unknown[]): void {
    const fresh = this.commits.applied(id, entries, results)
    if (fresh.length > 0) this.writes.applied(fresh)
  }

  /** The state was replaced; `checksum` is that of its content now. */
  installed(id: NodeId, meta: SnapshotMeta, checksum: number): void {
    this.commits.installed(id, meta)
    this.snapshot(id, meta, checksum)
  }

  /** Every snapshot of one position has the same content, whoever made or installed it. */
  snapshot(id: NodeId, {index, term}: SnapshotMeta, checksum: number): void {
    const key = `${term}-${index}`
    const known = this.#snapshots.get(key)
    if (known === undefined) this.#snapshots.set(key, checksum)
    else if (known !== checksum) {
      this.verdict.violated(
        'snapshot-content',
        `the state of node ${id} at ${key} is not that of others`,
      )
    }
  }

  /** After every event of a node. */
  look(core: CoreView): void {
    if (core.role === 'leader') this.elections.leading(core)
    if (this.#monotone.look(core)) this.commits.moved(core)
  }

  /** The node was told that it is no member any more. */
  removed(id: NodeId): void {
    const {membership} = this.commits
    if (membership !== undefined && isRemovedId(membership, id)) return
    this.verdict.violated('wrongly-removed', `node ${id} believes to be removed, and is a member`)
  }

  #checkSize(id: NodeId, entries: readonly Entry[]): void {
    const {entriesPerAppendMax, bytesPerAppendMax} = this.#limits
    if (entriesPerAppendMax !== undefined && entries.length > entriesPerAppendMax) {
      this.verdict.violated('flow-bounds', `node ${id} sends ${entries.length} entries at once`)
    }
    if (bytesPerAppendMax === undefined || entries.length < 2) return
    let bytes = 0
    for (const {record} of entries) bytes += record.length
    if (bytes <= bytesPerAppendMax) return
    this.verdict.violated('flow-bounds', `node ${id} sends ${bytes} bytes at once`)
  }
}
