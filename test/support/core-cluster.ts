/**
 * A cluster of cores in one process: a network that loses, repeats and reorders, disks that lose what
 * was not synced, a state that loses what was not flushed. One seed, one run.
 */
import type {RaftLimits, RandomSource} from '../../src/raft/config.js'
import {entryData} from '../../src/raft/entry.js'
import type {Membership} from '../../src/raft/membership.js'
import {decodeMembership, EMPTY_MEMBERSHIP, isVoter} from '../../src/raft/membership.js'
import type {MembershipChange} from '../../src/raft/membership-change.js'
import type {Message, SnapshotMeta} from '../../src/raft/messages.js'
import {majority} from '../../src/raft/quorum.js'
import {RaftNode} from '../../src/raft/raft-node.js'
import type {Ready} from '../../src/raft/ready.js'
import {mustSync} from '../../src/raft/ready.js'
import type {Entry, HardState, LogIndex, NodeId, Term} from '../../src/raft/types.js'
import {groupId, logIndex, nodeId, term} from '../../src/raft/types.js'
import {MemoryLog} from '../../src/storage/memory-log.js'
import {seededRandom} from './random.js'

const GROUP = groupId(1)

interface State {
  applied: LogIndex
  appliedTerm: Term
  membership: Membership
  /** Fingerprint of everything applied, in order. */
  digest: number
}

const NO_STATE: State = {
  applied: logIndex(0),
  appliedTerm: term(0),
  membership: EMPTY_MEMBERSHIP,
  digest: 0,
}

interface Disk {
  log: MemoryLog
  state: State
  snapshot: {meta: SnapshotMeta; state: State} | undefined
}

type Work =
  | {kind: 'apply'; entries: readonly Entry[]}
  | {kind: 'restore'; meta: SnapshotMeta; ready: number}

class Server {
  disk: Disk = {log: new MemoryLog(), state: NO_STATE, snapshot: undefined}
  raft: RaftNode | undefined
  state: State = NO_STATE
  writing: Ready[] = []
  applying: Work[] = []
  persisted = 0
  /** A staged snapshot file, whole and verified, before the log is reset to it. */
  staged: {meta: SnapshotMeta; state: State}[] = []
  readonly id: NodeId

  constructor(id: NodeId) {
    this.id = id
  }
}

export interface ClusterOptions {
  readonly seed: number
  readonly voters: number
  readonly limits?: Partial<RaftLimits>
  readonly lossPercent?: number
  readonly duplicatePercent?: number
  readonly latePercent?: number
  readonly preVote?: boolean
  readonly checkQuorum?: boolean
  /** A founding voter whose clock runs at a fifth of the speed of the others'. */
  readonly slow?: NodeId
}

export class CoreCluster {
  readonly servers = new Map<NodeId, Server>()
  readonly random: RandomSource
  readonly options: ClusterOptions
  network: {message: Message; state: State | undefined}[] = []
  /** One side of a partition: nothing passes between these and the others. */
  cut = new Set<NodeId>()
  /** Neither ticks nor reads its mail, which waits. */
  readonly paused = new Set<NodeId>()
  /** Removed, and stopped because of it. */
  readonly gone = new Set<NodeId>()
  /** Copies of what was delivered, or lost, that come once more much later. */
  late: {message: Message; state: State | undefined}[] = []
  /** What any node applied at an index: nobody may apply anything else there. */
  readonly applied = new Map<LogIndex, {term: Term; digest: number}>()
  readonly leaders = new Map<Term, NodeId>()
  readonly votes = new Map<string, NodeId>()
  acknowledged: {index: LogIndex; term: Term}[] = []
  proposed: {index: LogIndex; term: Term; by: NodeId}[] = []
  reads: {by: NodeId; token: number; atLeast: LogIndex}[] = []
  counts = {elections: 0, changes: 0, installs: 0, commits: 0, reads: 0, steps: 0}
  #commitSeen = new Map<NodeId, LogIndex>()
  highestCommit: LogIndex = logIndex(0)
  /** What the leader of each term committed. */
  readonly committedIn = new Map<Term, LogIndex>()

  constructor(options: ClusterOptions) {
    this.options = options
    this.random = seededRandom(options.seed)
    const ids = Array.from({length: options.voters}, (_, i) => nodeId(i + 1))
    for (const id of ids) this.add(id)
  }

  /** Starts a node: a founding voter, or one that joins with an empty log. */
  add(id: NodeId): Server {
    const server = new Server(id)
    this.servers.set(id, server)
    this.start(server)
    return server
  }

  start(server: Server): void {
    const {disk} = server
    const founding = server.id <= this.options.voters
    const voters = Array.from({length: this.options.voters}, (_, i) => nodeId(i + 1))
    const {snapshot} = disk
    if (snapshot && disk.log.term(snapshot.meta.index) !== snapshot.meta.term) {
      if (snapshot.meta.index >= disk.log.firstIndex() - 1) this.#reset(disk, snapshot.meta)
    }
    server.state = disk.state
    if (disk.state.applied < disk.log.firstIndex() - 1) {
      check(snapshot !== undefined, 'a compacted log has a snapshot')
      server.state = snapshot.state
      disk.state = snapshot.state
    }
    const random = seededRandom(this.random())
    server.raft = new RaftNode(
      {
        nodeId: server.id,
        groupId: GROUP,
        random,
        electionTicks: 10,
        heartbeatTicks: 2,
        voters: founding ? voters : [],
        startsAsLearner: !founding,
        limits: this.options.limits,
        preVote: this.options.preVote,
        checkQuorum: this.options.checkQuorum,
      },
      disk.log,
    )
    server.raft.restore({
      hardState: disk.log.hardState,
      membership: server.state.membership.index > 0 ? server.state.membership : undefined,
      appliedIndex: server.state.applied,
      snapshot: snapshot?.meta,
    })
    server.writing = []
    server.applying = []
    server.staged = []
    server.persisted = 0
    this.#commitSeen.delete(server.id)
  }

  /** Starts whoever is down, except for those that were told of their removal and stopped. */
  startAll(): void {
    for (const server of this.servers.values()) {
      if (!server.raft && !this.gone.has(server.id)) this.start(server)
    }
  }

  /** Who is told that it is no member any more stops for good, as its process would. */
  stopRemoved(): void {
    for (const server of this.running) {
      if (!server.raft!.removed) continue
      this.gone.add(server.id)
      this.crash(server)
    }
  }

  /** Loses everything that was not synced or flushed. */
  crash(server: Server): void {
    server.raft = undefined
  }

  get running(): Server[] {
    return [...this.servers.values()].filter(server => server.raft !== undefined)
  }

  /** Those that do something: neither crashed nor paused. */
  get active(): Server[] {
    return this.running.filter(server => !this.paused.has(server.id))
  }

  /** Somebody's late mail arrives. */
  deliverLate(): void {
    const item = this.pick(this.late)
    if (item === undefined) return
    this.late = this.late.filter(other => other !== item)
    this.network.push(item)
  }

  get leader(): Server | undefined {
    return this.active
      .filter(server => server.raft!.role === 'leader')
      .sort((a, b) => b.raft!.currentTerm - a.raft!.currentTerm)[0]
  }

  pick<T>(items: readonly T[]): T | undefined {
    return items.length === 0 ? undefined : items[this.random() % items.length]
  }

  chance(percent: number): boolean {
    return this.random() % 100 < percent
  }

  tick(server: Server): void {
    if (server.id === this.options.slow && !this.chance(20)) return
    server.raft!.tick()
    this.drain(server)
  }

  /** Delivers one message, maybe out of order, maybe twice, maybe never. */
  deliver(at = 0): void {
    const [item] = this.network.splice(at, 1)
    if (!item) return
    const {message, state} = item
    if (this.paused.has(message.to)) {
      this.network.push(item)
      return
    }
    if (this.chance(this.options.duplicatePercent ?? 0)) this.network.push(item)
    if (this.chance(this.options.latePercent ?? 0)) this.late.push(item)
    if (this.chance(this.options.lossPercent ?? 0)) return
    if (this.cut.has(message.from) !== this.cut.has(message.to)) return
    const server = this.servers.get(message.to)
    if (!server?.raft) return
    if (message.kind === 'install-snapshot' && state) {
      server.staged.push({meta: message.snapshot, state})
      // The file is on disk before Raft hears of it.
      const held = server.disk.snapshot
      if (!held || held.meta.index < message.snapshot.index) {
        server.disk.snapshot = {meta: message.snapshot, state}
      }
    }
    this.counts.steps++
    server.raft.step(message)
    this.drain(server)
  }

  propose(server: Server, size = 8): boolean {
    const data = new Uint8Array(size)
    for (let i = 0; i < size; i++) data[i] = this.random() & 0xff
    const outcome = server.raft!.propose(data)
    if (outcome.kind === 'accepted') {
      this.proposed.push({index: outcome.index, term: outcome.term, by: server.id})
    }
    this.counts.steps++
    this.drain(server)
    return outcome.kind === 'accepted'
  }

  change(server: Server, change: MembershipChange) {
    const outcome = server.raft!.proposeMembership(change)
    if (outcome.kind === 'accepted') this.counts.changes++
    this.drain(server)
    return outcome
  }

  read(server: Server): void {
    const outcome = server.raft!.readIndex()
    if (outcome.kind === 'accepted') {
      this.reads.push({by: server.id, token: outcome.token, atLeast: this.highestCommit})
    }
    this.drain(server)
  }

  /** Finishes the oldest write of a node. */
  persist(server: Server): void {
    const ready = server.writing.shift()
    if (!ready) return
    const {log} = server.disk
    if (mustSync(ready)) {
      log.appendNow({
        reset: ready.snapshot && {index: ready.snapshot.index, term: ready.snapshot.term},
        hardState: ready.hardState,
        entries: ready.entries,
      })
    }
    server.persisted = ready.number
    server.raft!.advancePersisted(ready.number)
    this.#checkVote(server)
    this.#send(ready.sendAfterSync)
    this.drain(server)
  }

  apply(server: Server): void {
    const work = server.applying[0]
    if (!work || (work.kind === 'restore' && server.persisted < work.ready)) return
    server.applying.shift()
    if (work.kind === 'restore') {
      const staged = server.staged.find(({meta}) => meta.index === work.meta.index)
      check(staged !== undefined, 'what is installed was staged')
      server.state = staged.state
      server.disk.state = staged.state
      this.counts.installs++
      server.raft!.advanceApplied(work.meta.index)
    } else {
      for (const entry of work.entries) this.#applyEntry(server, entry)
      server.raft!.advanceApplied(work.entries.at(-1)!.index)
      if (this.chance(30)) server.disk.state = server.state
    }
    this.drain(server)
  }

  /** Takes a snapshot of what is applied and compacts the log behind it. */
  snapshot(server: Server, keep = 0): void {
    const {state, disk} = server
    if (state.applied === 0 || server.writing.some(ready => ready.snapshot)) return
    if (server.raft!.status().firstIndex > state.applied) return
    const {applied: index, appliedTerm, membership} = state
    if (disk.snapshot && disk.snapshot.meta.index >= index) return
    disk.snapshot = {meta: {index, term: appliedTerm, membership}, state}
    disk.state = state
    server.raft!.advanceSnapshot({index, term: appliedTerm})
    void disk.log.compact(logIndex(Math.max(0, Math.min(index, disk.log.lastIndex()) - keep)))
  }

  /** Takes Readys until there are none. */
  drain(server: Server): void {
    const raft = server.raft!
    let readys = 0
    for (let ready = raft.takeReady(); ready; ready = raft.takeReady()) {
      check(++readys < 1000, `node ${server.id} comes to rest`)
      this.#send(ready.sendNow)
      if (ready.snapshot) {
        server.applying.push({kind: 'restore', meta: ready.snapshot, ready: ready.number})
      }
      if (ready.committedEntries.length > 0) {
        server.applying.push({kind: 'apply', entries: ready.committedEntries})
      }
      for (const to of ready.snapshotsNeeded) this.#sendSnapshot(server, to)
      for (const {token, index} of ready.readStates) this.#checkRead(server, token, index)
      server.writing.push(ready)
    }
    this.#checkNode(server)
  }

  /** Runs without faults until nothing moves, for `ticks` of everybody. */
  settle(ticks: number): void {
    for (let i = 0; i < ticks; i++) {
      for (const server of this.running) this.tick(server)
      this.flush()
    }
  }

  flush(): void {
    let busy = true
    let steps = 0
    while (busy) {
      busy = this.network.length > 0
      while (this.network.length > 0) {
        this.deliver(0)
        check(++steps < 100_000, 'without faults the network comes to rest')
      }
      for (const server of this.running) {
        while (server.writing.length > 0) {
          this.persist(server)
          busy = true
        }
        const before = server.applying.length
        if (before > 0) this.apply(server)
        if (server.applying.length !== before) busy = true
      }
    }
  }

  #applyEntry(server: Server, entry: Entry): void {
    const {state} = server
    check(entry.index === state.applied + 1, `node ${server.id} applies ${entry.index} in order`)
    const digest = mix(state.digest, entry)
    const seen = this.applied.get(entry.index)
    if (seen) {
      check(
        seen.term === entry.term && seen.digest === digest,
        `state machine safety at index ${entry.index} on node ${server.id}`,
      )
    } else this.applied.set(entry.index, {term: entry.term, digest})
    let {membership} = state
    if (entry.kind === 'membership') {
      const next = decodeMembership(entryData(entry), entry.index)
      check(next !== undefined, 'a membership can be read')
      membership = next
    }
    server.state = {applied: entry.index, appliedTerm: entry.term, membership, digest}
    this.counts.commits++
  }

  #sendSnapshot(server: Server, to: NodeId): void {
    const {snapshot} = server.disk
    const raft = server.raft!
    if (!snapshot) {
      raft.reportSnapshot(to, 'failed')
      return
    }
    const message: Message = {
      kind: 'install-snapshot',
      groupId: GROUP,
      from: server.id,
      to,
      term: raft.currentTerm,
      snapshot: snapshot.meta,
    }
    this.network.push({message, state: snapshot.state})
  }

  #send(messages: readonly Message[]): void {
    for (const message of messages) this.network.push({message, state: undefined})
  }

  #reset(disk: Disk, meta: SnapshotMeta): void {
    const {hardState} = disk.log
    const commitIndex = logIndex(Math.max(hardState.commitIndex, meta.index))
    disk.log.appendNow({
      reset: {index: meta.index, term: meta.term},
      hardState: {...hardState, commitIndex},
      entries: [],
    })
  }

  #checkNode(server: Server): void {
    const raft = server.raft!
    if (raft.role === 'leader') {
      const known = this.leaders.get(raft.currentTerm)
      check(known === undefined || known === server.id, `one leader in term ${raft.currentTerm}`)
      if (known === undefined) {
        this.leaders.set(raft.currentTerm, server.id)
        this.counts.elections++
        this.#checkLeaderCompleteness(server)
      }
    }
    const before = this.#commitSeen.get(server.id) ?? 0
    check(raft.commitIndex >= before, 'the commit index only grows')
    if (raft.commitIndex > before && raft.role === 'leader') {
      this.#checkCommit(server)
      this.committedIn.set(raft.currentTerm, raft.commitIndex)
    }
    this.#commitSeen.set(server.id, raft.commitIndex)
    if (raft.commitIndex > this.highestCommit) this.highestCommit = raft.commitIndex
    check(raft.lastApplied <= raft.commitIndex, 'only committed entries are applied')
    const {applied, membership} = server.state
    // With a snapshot still to be restored, what was applied before it is no longer of interest.
    const restores = server.applying.some(({kind}) => kind === 'restore')
    check(
      restores || raft.lastApplied !== applied || raft.membership.index === membership.index,
      `the membership in force on node ${server.id} is the one that it applied`,
    )
  }

  #checkLeaderCompleteness(server: Server): void {
    const {lastIndex, currentTerm} = server.raft!.status()
    for (const [of, committed] of this.committedIn) {
      // A leader may win its term only after a later one has committed: it owes that one nothing.
      check(
        of >= currentTerm || lastIndex > committed,
        `leader completeness: node ${server.id} leads term ${currentTerm} with ${lastIndex} entries, term ${of} committed ${committed}`,
      )
    }
  }

  /** Nothing is committed without a majority of disks holding it, in each half of the membership. */
  #checkCommit(server: Server): void {
    const raft = server.raft!
    const {membership, commitIndex} = raft
    const at = raft.status()
    if (at.commitIndex < at.firstIndex) return
    const range = raft.logEntriesRange(commitIndex, commitIndex)
    if (range.kind !== 'entries') return
    const [entry] = range.entries
    for (const half of [membership.voters, membership.votersOutgoing]) {
      if (half.length === 0) continue
      const holding = half.filter(id => this.#holds(id, entry!.index, entry!.term))
      check(
        holding.length >= majority(half.length),
        `index ${entry!.index} is on a majority of disks`,
      )
    }
  }

  #holds(id: NodeId, index: LogIndex, at: Term): boolean {
    const disk = this.servers.get(id)?.disk
    if (!disk) return false
    return index < disk.log.firstIndex() - 1 || disk.log.term(index) === at
  }

  #checkVote(server: Server): void {
    const {term: at, votedFor}: HardState = server.disk.log.hardState
    if (votedFor === undefined) return
    const key = `${server.id}@${at}`
    const before = this.votes.get(key)
    check(before === undefined || before === votedFor, `node ${server.id} votes once in term ${at}`)
    this.votes.set(key, votedFor)
  }

  #checkRead(server: Server, token: number, index: LogIndex): void {
    const at = this.reads.findIndex(read => read.by === server.id && read.token === token)
    if (at < 0) return
    const [read] = this.reads.splice(at, 1)
    check(index >= read!.atLeast, `a read at ${index} sees what was committed, ${read!.atLeast}`)
    this.counts.reads++
  }

  /** After faults: one leader, everybody equal, everything committed still there. */
  checkConverged(): void {
    const {leader} = this
    check(leader !== undefined, 'a leader is there')
    const {membership} = leader.raft!
    for (const {id} of membership.members) {
      const server = this.servers.get(id)
      if (!server?.raft) continue
      const same = server.state.digest === leader.state.digest
      check(
        same && server.state.applied === leader.state.applied,
        `node ${id} applied ${server.state.applied}, the leader ${leader.state.applied}`,
      )
    }
    check(leader.state.applied >= this.highestCommit, 'nothing committed is lost')
    check(isVoter(membership, leader.id), 'the leader is a voter')
  }
}

export function check(condition: boolean, claim: string): asserts condition {
  if (!condition) throw new Error(`violated: ${claim}`)
}

function mix(digest: number, entry: Entry): number {
  let hash = (digest ^ (entry.index * 31) ^ (entry.term * 17)) >>> 0
  for (const byte of entryData(entry)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return hash
}
