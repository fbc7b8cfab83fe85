import {RaftctlError} from '../errors.js'
import type {RaftNode} from '../raft/raft-node.js'
import type {NodeId} from '../raft/types.js'
import {logIndex} from '../raft/types.js'
import type {RuntimeParts} from './parts.js'
import type {SnapshotInfo} from './ports.js'

/** What fewer entries must weigh more than as many as the policy asks for. */
const FEW_ENTRIES_FACTOR = 4

export interface SnapshotterEvents {
  /** The core was told something: it may have more to do. */
  changed(): void
  /** The node can't go on. */
  failed(error: unknown): void
}

/** Takes snapshots, by policy and on demand, compacts the log behind them, and sends them to peers. */
export class Snapshotter {
  readonly #parts: RuntimeParts
  readonly #raft: RaftNode
  readonly #events: SnapshotterEvents
  readonly #sending = new Set<NodeId>()
  #creating: Promise<SnapshotInfo> | undefined
  /** Where the state stood when the one under way was begun. */
  #creatingIndex = 0
  #bytesAtLast: number
  /** Where the last attempt by policy failed. */
  #failedIndex = 0
  readonly #stop = new AbortController()
  created = 0

  constructor(parts: RuntimeParts, raft: RaftNode, events: SnapshotterEvents) {
    this.#parts = parts
    this.#raft = raft
    this.#events = events
    // What an earlier process wrote since the last snapshot counts too: a node that is restarted often
    // would never take another.
    const last = parts.snapshots.latest()?.index ?? logIndex(0)
    this.#bytesAtLast = parts.log.bytesWritten - (parts.log.bytesAfter?.(last) ?? 0)
  }

  /** Of everything applied now; a second caller shares the one under way if that reaches `atLeast`. */
  async create(atLeast = 0): Promise<SnapshotInfo> {
    while (this.#creating) {
      if (this.#creatingIndex >= atLeast) return this.#creating
      await this.#creating.catch(() => undefined)
    }
    this.#stop.signal.throwIfAborted()
    this.#creatingIndex = this.#parts.stateMachine.appliedIndex
    this.#creating = this.#create().finally(() => {
      this.#creating = undefined
    })
    return this.#creating
  }

  /**
   * Snapshots once enough entries were applied, and the log has grown by as much as one takes; of entries
   * that are large, fewer are enough.
   */
  applied(): void {
    const {snapshotEntries, snapshotLogBytesMin} = this.#parts.settings
    const tried = Math.max(this.#raft.logSnapshotIndex, this.#failedIndex)
    const since = this.#raft.lastApplied - tried
    if (snapshotEntries === 0 || since <= 0 || this.#creating) return
    const grown = this.#parts.log.bytesWritten - this.#bytesAtLast
    const lastBytes = this.#parts.snapshots.latest()?.bytes ?? 0
    const worth = Math.max(lastBytes, snapshotLogBytesMin)
    const areFew = since < snapshotEntries
    if (areFew && snapshotLogBytesMin === 0) return
    if (grown < (areFew ? FEW_ENTRIES_FACTOR : 1) * worth) return
    this.create().catch(error => {
      // The node goes on without: its log is whole, and the next try is one policy step away.
      if (this.#stop.signal.aborted) return
      this.#bytesAtLast = this.#parts.log.bytesWritten
      this.#failedIndex = this.#raft.lastApplied
      this.#parts.events.note('snapshot-failed', {error: String(error)})
    })
  }

  /**
   * Sends the newest snapshot to a peer whose next entry is compacted. One that turns out to be damaged
   * is no longer among the store's: when Raft asks again, another is made.
   */
  send(peer: NodeId): void {
    if (this.#sending.has(peer) || this.#stop.signal.aborted) return
    this.#sending.add(peer)
    this.#send(peer)
      .then(() => this.#raft.reportSnapshot(peer, 'sent'))
      .catch(error => {
        this.#raft.reportSnapshot(peer, 'failed')
        this.#parts.events.note('snapshot-send-failed', {peer, error: String(error)})
      })
      .finally(() => {
        this.#sending.delete(peer)
        this.#events.changed()
      })
  }

  /** While a snapshot is on its way the peer is not given up. */
  tick(): void {
    for (const peer of this.#sending) this.#raft.reportSnapshot(peer, 'moving')
  }

  /**
   * RAFTCTL_SNAPSHOT_NOT_FOUND; RAFTCTL_REFUSED for the newest, where the log begins behind all others:
   * without it this node could neither rebuild its state nor bring a follower up.
   */
  async delete(id: string): Promise<void> {
    // What is being made may be what the log is about to be compacted behind.
    while (this.#creating) await this.#creating.catch(() => undefined)
    this.#stop.signal.throwIfAborted()
    const {snapshots, log, stateMachine} = this.#parts
    const all = snapshots.list()
    const found = all.find(snapshot => snapshot.id === id)
    const logStart = log.firstIndex() - 1
    const isCovered = all.some(each => each.id !== id && each.index >= logStart)
    const isInstalled = (found?.index ?? 0) <= stateMachine.appliedIndex
    if (found !== undefined && !(isInstalled && (logStart === 0 || isCovered))) {
      throw new RaftctlError(
        'RAFTCTL_REFUSED',
        `snapshot ${id} is the only one that reaches to where the log begins, after index ${logStart}`,
        {
          hint: 'Take a newer one first: "raftctl snapshot create".',
          details: {rule: 'log-needs-it', id, firstIndex: logStart + 1},
        },
      )
    }
    await snapshots.remove(id)
    this.#parts.events.note('snapshot-deleted', {id})
  }

  /** Gives up the one under way, which would take as long as the state is large. */
  async stop(): Promise<void> {
    this.#stop.abort(new RaftctlError('RAFTCTL_NODE_STOPPED', 'this node is stopping'))
    await this.#creating?.catch(() => undefined)
  }

  async #create(): Promise<SnapshotInfo> {
    const {stateMachine, snapshots, log, events} = this.#parts
    if (stateMachine.appliedIndex === 0) {
      throw new RaftctlError(
        'RAFTCTL_REFUSED',
        'nothing is applied yet, so there is nothing to snapshot',
        {
          hint: 'Wait for a leader: "raftctl status".',
          details: {rule: 'nothing-applied'},
        },
      )
    }
    const latest = snapshots.latest()
    if (latest && latest.index >= stateMachine.appliedIndex) return latest
    const view = stateMachine.snapshot()
    let info: SnapshotInfo
    try {
      info = await snapshots.create(view, this.#stop.signal)
    } finally {
      view.close()
    }
    this.created++
    this.#bytesAtLast = log.bytesWritten
    this.#raft.advanceSnapshot({index: info.index, term: info.term})
    events.note('snapshot-created', {index: info.index, term: info.term, bytes: info.bytes})
    try {
      // The log stays the truth until the state is durable, so it is compacted behind both only.
      await stateMachine.flush()
      const index = logIndex(Math.min(info.index, stateMachine.durableIndex))
      if (!this.#stop.signal.aborted) await log.compact(index)
    } catch (error) {
      // Log or state take nothing any more: better said now, by what happened, than with the next entry.
      this.#events.failed(error)
      throw error
    }
    return info
  }

  async #send(peer: NodeId): Promise<void> {
    const {snapshots, log, transport} = this.#parts
    let snapshot = snapshots.latest()
    if (!snapshot || snapshot.index < log.firstIndex() - 1) snapshot = await this.create()
    const {index, term, membership} = snapshot
    await transport.sendSnapshot(peer, {
      kind: 'install-snapshot',
      groupId: this.#raft.groupId,
      from: this.#raft.nodeId,
      to: peer,
      term: this.#raft.currentTerm,
      snapshot: {index, term, membership},
    })
  }
}
