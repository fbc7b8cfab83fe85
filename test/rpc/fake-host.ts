import {randomBytes} from 'node:crypto'
import {RaftctlError} from '../../src/errors.js'
import type {
  AppliedMembership,
  Counters,
  JoinPlan,
  LogRange,
  MembershipChanged,
  MembershipRequest,
  NodeHost,
  NodeRuntimeApi,
  ProposalWaiter,
} from '../../src/node/api.js'
import {Meters} from '../../src/node/meters.js'
import type {NodeIdentity, SnapshotInfo} from '../../src/node/ports.js'
import {systemClock} from '../../src/node/system-clock.js'
import {decodeEntry, encodeEntry} from '../../src/raft/entry.js'
import {EMPTY_MEMBERSHIP, type Membership} from '../../src/raft/membership.js'
import type {Message} from '../../src/raft/messages.js'
import type {RaftStatus} from '../../src/raft/status.js'
import {type Entry, groupId, logIndex, nodeId, term} from '../../src/raft/types.js'

/** A runtime that remembers what it was told; its log is an array. */
export class FakeRuntime implements NodeRuntimeApi {
  readonly stepped: Message[] = []
  readonly listeners = new Set<() => void>()
  readonly commitListeners = new Set<() => void>()
  readonly latencies = new Meters(systemClock, 10)
  entries: Entry[] = []
  commitIndex = logIndex(0)
  leaderId: number | undefined
  membership: Membership
  readonly id: number
  snapshots: SnapshotInfo[] = []
  refuse: RaftctlError | undefined

  constructor(id: number, membership: Membership) {
    this.id = id
    this.membership = membership
  }

  get firstIndex() {
    return this.entries[0]?.index ?? logIndex(1)
  }

  status(): RaftStatus {
    return {
      nodeId: nodeId(this.id),
      groupId: groupId(1),
      role: 'follower',
      leaderId: this.leaderId === undefined ? undefined : nodeId(this.leaderId),
      currentTerm: term(1),
      votedFor: undefined,
      firstIndex: this.firstIndex,
      lastIndex: this.entries.at(-1)?.index ?? logIndex(0),
      persistedIndex: this.commitIndex,
      commitIndex: this.commitIndex,
      lastApplied: this.commitIndex,
      logSnapshotIndex: logIndex(0),
      logSnapshotTerm: term(0),
      membership: this.membership,
      transferTarget: undefined,
      progress: [],
      removed: false,
    }
  }

  counters(): Counters {
    return {
      proposals: 1,
      proposalsRefused: 2,
      proposalsPending: 14,
      entriesAppended: 3,
      entriesApplied: 4,
      logSyncs: 5,
      logSyncMs: 6.5,
      logBytes: 7,
      elections: 8,
      leaderChanges: 9,
      messagesSent: 10,
      messagesReceived: 11,
      snapshotsCreated: 12,
      snapshotsInstalled: 13,
    }
  }

  onChange(listener: () => void) {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  onCommit(listener: () => void) {
    this.commitListeners.add(listener)
    return () => this.commitListeners.delete(listener)
  }

  /** Commits one more entry, which carries `bytes`. */
  commit(bytes = 10): void {
    const index = logIndex(this.commitIndex + 1)
    this.entries.push(encodeEntry(index, term(1), 'command', Buffer.alloc(bytes)))
    this.commitIndex = index
    for (const listener of this.commitListeners) listener()
  }

  step(messages: readonly Message[]) {
    this.stepped.push(...messages)
    for (const listener of this.listeners) listener()
  }

  propose(): Promise<never> {
    return Promise.reject(new Error('not in this test'))
  }

  submit(_data: Uint8Array, {failed}: ProposalWaiter): void {
    failed(new Error('not in this test'))
  }

  readBarrier(): Promise<never> {
    return Promise.reject(new Error('not in this test'))
  }

  changeMembership(_request: MembershipRequest): Promise<MembershipChanged> {
    if (this.refuse) return Promise.reject(this.refuse)
    const {membership} = this
    return Promise.resolve({
      before: membership,
      after: membership,
      memberId: undefined,
      changed: false,
    })
  }

  transferLeadership(): Promise<never> {
    return Promise.reject(this.refuse ?? new Error('a defect\n    at somewhere (secret.ts:1)'))
  }

  createSnapshot(): Promise<never> {
    return Promise.reject(new Error('not in this test'))
  }

  async *readSnapshot(): AsyncGenerator<Uint8Array> {}

  listSnapshots() {
    return this.snapshots
  }

  unusableSnapshots(): never[] {
    return []
  }

  deleteSnapshot(): Promise<never> {
    return Promise.reject(new Error('not in this test'))
  }

  logEntriesRange(lo: number, hi: number, bytesMax: number): LogRange {
    const {firstIndex, commitIndex} = this
    if (lo < firstIndex) return {kind: 'log-compacted', firstIndex}
    const page: Entry[] = []
    let bytes = 0
    for (const entry of this.entries) {
      if (entry.index < lo || entry.index > Math.min(hi, commitIndex)) continue
      bytes += entry.record.length
      if (page.length > 0 && bytes > bytesMax) break
      page.push(entry)
    }
    return {kind: 'entries', entries: page, commitIndex, firstIndex}
  }
}

/** A node process without a disk: pristine until it joins. */
export class FakeHost implements NodeHost {
  history: AppliedMembership[] = []
  identity: NodeIdentity | undefined
  runtime: FakeRuntime | undefined
  removed = false
  storeId = randomBytes(8).toString('hex')
  processNonce = randomBytes(8).toString('hex')
  address = ''
  name = ''
  readonly version = '0.0.0-test'
  readonly startedMs = Date.now()
  readonly joins: JoinPlan[] = []
  failJoin: Error | undefined

  receiveUpload(): Promise<never> {
    return Promise.reject(new Error('not in this test'))
  }

  join(plan: JoinPlan): Promise<void> {
    if (this.failJoin) return Promise.reject(this.failJoin)
    if (this.identity) return Promise.reject(new RaftctlError('RAFTCTL_NOT_PRISTINE', 'again'))
    this.joins.push(plan)
    this.belong(plan.identity, plan.membership)
    if (plan.firstRecord) {
      this.runtime!.entries = [decodeEntry(plan.firstRecord)!]
      this.runtime!.commitIndex = logIndex(1)
    }
    return Promise.resolve()
  }

  belong(identity: NodeIdentity, membership: Membership = EMPTY_MEMBERSHIP) {
    this.identity = identity
    this.storeId = identity.storeId
    this.runtime = new FakeRuntime(identity.nodeId, membership)
  }
}
