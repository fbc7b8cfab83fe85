/** Builders for tests of the core: a node in any state, positions, entries, whole Readys. */
import type {RaftConfig} from '../../src/raft/config.js'
import {encodeEntry} from '../../src/raft/entry.js'
import type {Membership} from '../../src/raft/membership.js'
import {EMPTY_MEMBERSHIP, encodeMembership} from '../../src/raft/membership.js'
import type {Message, SnapshotMeta} from '../../src/raft/messages.js'
import {RaftNode} from '../../src/raft/raft-node.js'
import type {Ready} from '../../src/raft/ready.js'
import {mustSync} from '../../src/raft/ready.js'
import type {Entry, EntryKind, LogIndex, LogPosition, NodeId, Term} from '../../src/raft/types.js'
import {groupId, logIndex, nodeId, term} from '../../src/raft/types.js'
import {MemoryLog} from '../../src/storage/memory-log.js'
import {seededRandom} from '../support/random.js'

export const [n1, n2, n3, n4, n5] = [1, 2, 3, 4, 5].map(nodeId) as [
  NodeId,
  NodeId,
  NodeId,
  NodeId,
  NodeId,
]
export const GROUP = groupId(1)
export const ELECTION_TICKS = 10
export const HEARTBEAT_TICKS = 2

/** The position of term `t`, index `i`. */
export function at(t: number, i: number): LogPosition {
  return {term: term(t), index: logIndex(i)}
}

export function entry(t: number, i: number, text = '', kind: EntryKind = 'command'): Entry {
  return encodeEntry(logIndex(i), term(t), kind, new TextEncoder().encode(text))
}

/** One entry a term given, from index `first` on. */
export function entries(first: number, ...terms: readonly number[]): Entry[] {
  return terms.map((t, i) => entry(t, first + i))
}

export function membershipEntry(t: number, i: number, membership: Membership): Entry {
  return encodeEntry(logIndex(i), term(t), 'membership', encodeMembership(membership))
}

/** Member n has the address host:n; its name and store are left empty. */
export function membershipOf(
  roles: Partial<Omit<Membership, 'members' | 'index'>> & {readonly index?: number},
): Membership {
  const {voters = [], votersOutgoing = [], learners = [], observers = []} = roles
  const ids = [...new Set([...voters, ...votersOutgoing, ...learners, ...observers])]
  ids.sort((a, b) => a - b)
  const members = ids.map(id => ({
    id,
    name: '',
    address: `host:${id}`,
    storeId: '',
    promoteWhenReady: false,
  }))
  return {
    ...EMPTY_MEMBERSHIP,
    nextMemberId: Math.max(0, ...ids) + 1,
    ...roles,
    members,
    index: logIndex(roles.index ?? 0),
  }
}

export interface NodeOptions extends Partial<Omit<RaftConfig, 'nodeId' | 'groupId'>> {
  readonly id?: NodeId
  readonly term?: Term
  readonly votedFor?: NodeId
  /** The log's last position; all entries are of its term. */
  readonly last?: LogPosition
  /** Or the whole log. */
  readonly log?: readonly Entry[]
  /** The log begins behind this snapshot. */
  readonly snapshot?: LogPosition
  readonly commit?: number
  readonly applied?: number
  readonly membership?: Membership
}

/** A node as restored from storage that holds this; voters 1, 2, 3 unless told otherwise. */
export function driverAt(options: NodeOptions = {}): Driver {
  const {id = n1, last, snapshot, commit = 0, membership, votedFor, ...config} = options
  const log = new MemoryLog()
  const held = options.log ?? (last ? entries(1, ...Array(last.index).fill(last.term)) : [])
  const highest = Math.max(0, snapshot?.term ?? 0, ...held.map(one => one.term))
  const hardState = {
    term: options.term ?? term(highest),
    votedFor,
    commitIndex: logIndex(Math.max(commit, snapshot?.index ?? 0)),
  }
  log.appendNow({reset: snapshot, hardState, entries: held})
  const raft = new RaftNode(
    {
      electionTicks: ELECTION_TICKS,
      heartbeatTicks: HEARTBEAT_TICKS,
      random: seededRandom(id),
      voters: [n1, n2, n3],
      ...config,
      nodeId: id,
      groupId: GROUP,
    },
    log,
  )
  const appliedIndex = logIndex(options.applied ?? Math.max(commit, snapshot?.index ?? 0))
  raft.restore({hardState, membership, appliedIndex, snapshot})
  return new Driver(raft, log)
}

/** The same without what drives it. */
export function nodeAt(options: NodeOptions = {}): RaftNode {
  return driverAt(options).raft
}

/** A leader that has won its election at `term + 1`, nothing of it acknowledged by the others yet. */
export function leaderAt(options: NodeOptions = {}): Driver {
  const driver = driverAt(options)
  const {raft} = driver
  raft.campaign()
  driver.perform()
  for (const round of ['request-pre-vote-response', 'request-vote-response'] as const) {
    const of = round === 'request-pre-vote-response' ? raft.currentTerm + 1 : raft.currentTerm
    if (raft.role === 'leader') break
    for (const from of raft.voters) {
      driver.step({kind: round, from, term: term(of), granted: true, commit: at(0, 0)})
    }
    driver.perform()
  }
  if (raft.role !== 'leader') throw new Error(`${raft.nodeId} is ${raft.role}, no leader`)
  driver.perform()
  return driver
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never
export type Incoming = DistributiveOmit<Message, 'groupId' | 'to' | 'term'> & {
  readonly term?: Term
}

/** Does at once what a Ready asks for: writes, applies, and keeps what was sent. */
export class Driver {
  readonly raft: RaftNode
  readonly log: MemoryLog
  readonly applied: Entry[] = []
  readonly installed: SnapshotMeta[] = []

  constructor(raft: RaftNode, log: MemoryLog) {
    this.raft = raft
    this.log = log
  }

  /** A message to this node, of its own term unless told otherwise. */
  step(message: Incoming): void {
    this.raft.step({
      groupId: GROUP,
      to: this.raft.nodeId,
      term: this.raft.currentTerm,
      ...message,
    } as Message)
  }

  tick(times = 1): void {
    for (let i = 0; i < times; i++) this.raft.tick()
  }

  acknowledge(from: NodeId, index: number): void {
    const hint = at(0, 0)
    this.step({
      kind: 'append-entries-response',
      from,
      index: logIndex(index),
      rejected: false,
      hint,
    })
  }

  propose(text: string): LogIndex {
    const outcome = this.raft.propose(new TextEncoder().encode(text))
    if (outcome.kind === 'refused') throw new Error(`refused: ${outcome.reason}`)
    return outcome.index
  }

  /** Takes one Ready and makes it durable and applied; undefined when there is none. */
  performOne(): Ready | undefined {
    const ready = this.raft.takeReady()
    if (!ready) return undefined
    this.persist(ready)
    this.apply(ready)
    return ready
  }

  /** Everything there is to do; returns all messages that left, in order. */
  perform(): Message[] {
    const sent: Message[] = []
    for (let ready = this.performOne(); ready; ready = this.performOne()) {
      sent.push(...ready.sendNow, ...ready.sendAfterSync)
      if (ready.number > 100_000) throw new Error('there is always something to do')
    }
    return sent
  }

  persist(ready: Ready): void {
    const {snapshot, hardState, entries} = ready
    if (mustSync(ready)) {
      const reset = snapshot && {index: snapshot.index, term: snapshot.term}
      this.log.appendNow({reset, hardState, entries})
    }
    this.raft.advancePersisted(ready.number)
  }

  apply({snapshot, committedEntries}: Ready): void {
    if (snapshot) {
      this.installed.push(snapshot)
      this.raft.advanceApplied(snapshot.index)
    }
    this.applied.push(...committedEntries)
    const last = committedEntries.at(-1)
    if (last) this.raft.advanceApplied(last.index)
  }
}

/** A whole Ready: what is not named is empty. */
export function readyWith(parts: Partial<Ready> & Pick<Ready, 'number'>): Ready {
  return {
    sendNow: [],
    snapshot: undefined,
    hardState: undefined,
    entries: [],
    sendAfterSync: [],
    committedEntries: [],
    snapshotsNeeded: [],
    readStates: [],
    readsRefused: [],
    ...parts,
  }
}

/** A message of this group. */
export function message<M extends DistributiveOmit<Message, 'groupId'>>(parts: M) {
  return {groupId: GROUP, ...parts}
}

export function ofKind<K extends Message['kind']>(
  sent: readonly Message[],
  kind: K,
): Extract<Message, {kind: K}>[] {
  return sent.filter((one): one is Extract<Message, {kind: K}> => one.kind === kind)
}
