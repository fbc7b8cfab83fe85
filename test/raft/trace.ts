/**
 * Golden traces: short scripts of commands to a few cores, with everything that comes out of them.
 *
 *   # why this script exists
 *   > group voters=1,2,3            who there is; limits and timing may follow
 *   > node 2 term=3 log=1,1,3       what a node held when it started (terms of its entries)
 *   > campaign 1                    → what it returned
 *   > run 1                         → every Ready until there is none, done at once
 *   > deliver 1>2                   → the messages that arrive
 *
 * `performTrace` does the commands of a text and returns the text with the output that they have now.
 */
import type {RaftLimits} from '../../src/raft/config.js'
import {DEFAULT_LIMITS} from '../../src/raft/config.js'
import {entryData} from '../../src/raft/entry.js'
import {decodeMembership} from '../../src/raft/membership.js'
import type {MembershipChange} from '../../src/raft/membership-change.js'
import type {Message, SnapshotMeta} from '../../src/raft/messages.js'
import {RaftNode} from '../../src/raft/raft-node.js'
import type {Ready} from '../../src/raft/ready.js'
import type {Entry, LogPosition, NodeId} from '../../src/raft/types.js'
import {logIndex, nodeId, term} from '../../src/raft/types.js'
import {MemoryLog} from '../../src/storage/memory-log.js'
import {seededRandom} from '../support/random.js'
import {at, Driver, ELECTION_TICKS, entry, GROUP, HEARTBEAT_TICKS} from './support.js'

type Args = ReadonlyMap<string, string>

export function performTrace(text: string): string {
  const trace = new Trace()
  const out: string[] = []
  for (const line of text.split('\n')) {
    if (line.startsWith('> ')) out.push(line, ...trace.perform(line.slice(2).trim()))
    else if (line.startsWith('#') || line === '') out.push(line)
  }
  return out.join('\n')
}

interface Node {
  driver: Driver
  readys: Ready[]
  snapshot: SnapshotMeta | undefined
}

class Trace {
  #group: Args = new Map()
  readonly #nodes = new Map<NodeId, Node>()
  #network: Message[] = []
  readonly #cut = new Set<NodeId>()

  perform(line: string): string[] {
    if (line.startsWith('quietly ')) {
      this.perform(line.slice('quietly '.length))
      return []
    }
    const [name = '', ...words] = line.split(/\s+/)
    const plain = words.filter(word => !/^[a-zA-Z]+=/.test(word))
    const args = new Map(
      words.filter(word => !plain.includes(word)).map(word => word.split('=') as [string, string]),
    )
    return this.#command(name, plain, args).map(text => `  ${text}`)
  }

  #command(name: string, [first = '', second, ...rest]: string[], args: Args): string[] {
    switch (name) {
      case 'group':
        this.#group = args
        for (const id of idsOf(args, 'voters', 'learners', 'observers')) {
          this.#start(id, new MemoryLog(), args, undefined)
        }
        return []
      case 'node':
        this.#node(nodeOf(first), args)
        return []
      case 'join':
        this.#start(nodeOf(first), new MemoryLog(), joining(this.#group), undefined)
        return []
      case 'cut':
        this.#cut.add(nodeOf(first))
        return []
      case 'mend':
        this.#cut.clear()
        return []
      case 'settle':
        return this.#settle()
      case 'deliver':
        return this.#deliver(first, second)
      case 'drop': {
        const dropped = this.#take(first, second)
        return dropped.map(messageLine)
      }
      case 'status':
        return [...this.#nodes.keys()].sort((a, b) => a - b).map(id => this.#status(id))
    }
    return this.#ofNode(name, nodeOf(first), second, rest, args)
  }

  #ofNode(name: string, id: NodeId, second = '', rest: string[], args: Args): string[] {
    const node = this.#nodes.get(id)
    if (!node) throw new Error(`no node ${id}`)
    const {raft} = node.driver
    switch (name) {
      case 'tick':
        for (let i = 0; i < Number(second || 1); i++) raft.tick()
        return []
      case 'deadline':
        raft.electionDeadlineOverride(Number(second))
        return []
      case 'campaign':
        return [raft.campaign() ? 'campaigns' : 'may not campaign']
      case 'step-down':
        return [raft.stepDown() ? 'steps down' : 'does not lead']
      case 'propose':
        return [outcomeLine(raft.propose(new TextEncoder().encode([second, ...rest].join(' '))))]
      case 'read':
        return [outcomeLine({...raft.readIndex(), token: 'T'})]
      case 'transfer':
        return [outcomeLine(raft.transferLeadership(nodeOf(second)))]
      case 'change':
        return [outcomeLine(raft.proposeMembership(changeOf(second, args)))]
      case 'report':
        raft.reportSnapshot(nodeOf(second), rest[0] as 'failed')
        return []
      case 'ready':
        return this.#ready(node)
      case 'persist':
        return this.#persist(node)
      case 'run':
        return this.#run(node)
      case 'restart':
        this.#start(id, node.driver.log, this.#group, node.snapshot)
        return [this.#status(id)]
      case 'snapshot':
        return this.#snapshot(node)
      case 'send-snapshot':
        return this.#sendSnapshot(id, node, nodeOf(second))
    }
    throw new Error(`no command "${name}"`)
  }

  #node(id: NodeId, args: Args): void {
    this.#nodes.delete(id)
    const log = new MemoryLog()
    const snapshot = args.get('snapshot') ? positionOf(args.get('snapshot')!) : undefined
    const terms = list(args, 'log')
    const entries = terms.map((of, i) => entry(of, (snapshot?.index ?? 0) + i + 1))
    const hardState = {
      term: term(Number(args.get('term') ?? Math.max(0, snapshot?.term ?? 0, ...terms))),
      votedFor: args.has('vote') ? nodeOf(args.get('vote')!) : undefined,
      commitIndex: logIndex(Number(args.get('commit') ?? snapshot?.index ?? 0)),
    }
    log.appendNow({reset: snapshot, hardState, entries})
    this.#start(id, log, this.#group, undefined, snapshot)
  }

  #start(id: NodeId, log: MemoryLog, group: Args, meta?: SnapshotMeta, from?: LogPosition): void {
    const before = this.#nodes.get(id)?.driver.raft
    const names = Object.keys(DEFAULT_LIMITS) as (keyof RaftLimits)[]
    const limits = Object.fromEntries(
      names.filter(name => group.has(name)).map(name => [name, Number(group.get(name))]),
    )
    const raft = new RaftNode(
      {
        nodeId: id,
        groupId: GROUP,
        random: seededRandom(id),
        electionTicks: Number(group.get('electionTicks') ?? ELECTION_TICKS),
        heartbeatTicks: Number(group.get('heartbeatTicks') ?? HEARTBEAT_TICKS),
        preVote: group.get('preVote') !== 'off',
        checkQuorum: group.get('checkQuorum') !== 'off',
        voters: idsOf(group, 'voters'),
        learners: idsOf(group, 'learners'),
        observers: idsOf(group, 'observers'),
        startsAsLearner: group.has('joins'),
        limits,
      },
      log,
    )
    // The state is durable as far as it was applied.
    const appliedIndex =
      before?.lastApplied ?? meta?.index ?? from?.index ?? log.hardState.commitIndex
    const membership = before && before.membership.index > 0 ? before.membership : meta?.membership
    raft.restore({hardState: log.hardState, membership, appliedIndex, snapshot: meta ?? from})
    const membershipOf = {membership: raft.membership}
    const held = meta ?? (from && {...from, ...membershipOf})
    this.#nodes.set(id, {driver: new Driver(raft, log), readys: [], snapshot: held})
  }

  #ready(node: Node): string[] {
    const ready = node.driver.raft.takeReady()
    if (!ready) return ['nothing']
    node.readys.push(ready)
    this.#network.push(...ready.sendNow)
    return readyLines(ready)
  }

  #persist(node: Node): string[] {
    const ready = node.readys.shift()
    if (!ready) return ['nothing']
    this.#finish(node, ready)
    return [`ready ${ready.number} is durable and applied`]
  }

  #finish(node: Node, ready: Ready): void {
    node.driver.persist(ready)
    node.driver.apply(ready)
    if (ready.snapshot) node.snapshot = ready.snapshot
    this.#network.push(...ready.sendAfterSync)
  }

  #run(node: Node): string[] {
    const lines: string[] = []
    while (node.readys.length > 0) lines.push(...this.#persist(node))
    for (let ready = node.driver.raft.takeReady(); ready; ready = node.driver.raft.takeReady()) {
      this.#network.push(...ready.sendNow)
      this.#finish(node, ready)
      lines.push(...readyLines(ready))
      if (lines.length > 10_000) throw new Error('there is always something to do')
    }
    return lines
  }

  #settle(): string[] {
    const lines: string[] = []
    for (let round = 0; round < 1000; round++) {
      const before = lines.length
      for (const [id, node] of this.#nodes) {
        const did = this.#run(node)
        if (did.length > 0) lines.push(`node ${id}`, ...did.map(line => `  ${line}`))
      }
      lines.push(...this.#deliver('', undefined))
      if (lines.length === before) return lines
    }
    throw new Error('it never settles')
  }

  #deliver(path: string, kind: string | undefined): string[] {
    const lines: string[] = []
    for (const message of this.#take(path, kind)) {
      if (this.#cut.has(message.from) || this.#cut.has(message.to)) continue
      const target = this.#nodes.get(message.to)
      if (!target) continue
      lines.push(messageLine(message))
      target.driver.raft.step(message)
    }
    return lines
  }

  #take(path: string, kind: string | undefined): Message[] {
    const taken = this.#network.filter(message => {
      const {from, to} = message
      return (path === '' || path === `${from}>${to}`) && (!kind || kind === message.kind)
    })
    this.#network = this.#network.filter(message => !taken.includes(message))
    return taken
  }

  #snapshot(node: Node): string[] {
    const {raft, log} = node.driver
    const index = raft.lastApplied
    const position = {index, term: log.term(index)!}
    node.snapshot = {...position, membership: raft.membership}
    raft.advanceSnapshot(position)
    void log.compact(index)
    return [`snapshot ${position.term}@${index}, the log begins at ${log.firstIndex()}`]
  }

  #sendSnapshot(from: NodeId, {driver, snapshot}: Node, to: NodeId): string[] {
    if (!snapshot) throw new Error(`node ${from} has no snapshot`)
    const {currentTerm} = driver.raft
    const message: Message = {
      ...{kind: 'install-snapshot', groupId: GROUP, from, to, term: currentTerm, snapshot},
    }
    this.#network.push(message)
    return [messageLine(message)]
  }

  #status(id: NodeId): string {
    const {raft, log} = this.#nodes.get(id)!.driver
    const {role, currentTerm, votedFor, leaderId, commitIndex, lastApplied} = raft.status()
    const {firstIndex, lastIndex, membership, removed} = raft.status()
    const terms: number[] = []
    for (let i = firstIndex; i <= Math.min(lastIndex, log.lastIndex()); i++) {
      terms.push(log.term(logIndex(i))!)
    }
    const half = membership.votersOutgoing.length > 0 ? `+[${membership.votersOutgoing}]` : ''
    const held = `log ${firstIndex}: ${terms.join(' ') || '-'}`
    const who = `vote=${votedFor ?? '-'} leader=${leaderId ?? '-'}`
    const done = `commit=${commitIndex} applied=${lastApplied}`
    const gone = removed ? ' removed' : ''
    return `${id} ${role} t${currentTerm} ${who} ${done} voters=[${membership.voters}]${half}${gone} | ${held}`
  }
}

function nodeOf(word: string): NodeId {
  if (!/^\d+$/.test(word)) throw new Error(`"${word}" is no node`)
  return nodeId(Number(word))
}

function list(args: Args, name: string): number[] {
  return (args.get(name) ?? '').split(',').filter(Boolean).map(Number)
}

function idsOf(args: Args, ...names: string[]): NodeId[] {
  return names.flatMap(name => list(args, name)).map(nodeId)
}

/** A node that joins knows the timing of the group, and none of its members. */
function joining(group: Args): Args {
  const kept = [...group].filter(([name]) => !/^(voters|learners|observers)$/.test(name))
  return new Map([...kept, ['joins', 'yes']])
}

/** "3@7" is term 3, index 7. */
function positionOf(word: string): LogPosition {
  const [ofTerm, index] = word.split('@').map(Number)
  return at(ofTerm!, index!)
}

function changeOf(kind: string, args: Args): MembershipChange {
  const member = {name: args.get('name') ?? '', address: args.get('address') ?? '', storeId: ''}
  const voters = idsOf(args, 'voters')
  const learners = idsOf(args, 'learners')
  const id = nodeId(Number(args.get('id') ?? 0))
  return {kind, member, voters, learners, id} as unknown as MembershipChange
}

function outcomeLine(outcome: object): string {
  const {kind, ...rest} = outcome as {kind: string}
  const words = Object.entries(rest)
    .filter(([name, value]) => name !== 'membership' && value !== undefined)
    .map(([name, value]) => `${name}=${typeof value === 'object' ? JSON.stringify(value) : value}`)
  return [kind, ...words].join(' ')
}

function readyLines(ready: Ready): string[] {
  const {number, hardState, snapshot, entries, committedEntries} = ready
  const lines = [`ready ${number}`]
  lines.push(...ready.sendNow.map(message => `  now   ${messageLine(message)}`))
  if (snapshot) lines.push(`  install ${snapshotText(snapshot)}`)
  if (hardState) {
    const {term: of, votedFor, commitIndex} = hardState
    lines.push(`  write t${of} vote=${votedFor ?? '-'} commit=${commitIndex}`)
  }
  if (entries.length > 0) lines.push(`  write ${entriesText(entries)}`)
  lines.push(...ready.sendAfterSync.map(message => `  after ${messageLine(message)}`))
  if (committedEntries.length > 0) lines.push(`  apply ${entriesText(committedEntries)}`)
  if (ready.snapshotsNeeded.length > 0) lines.push(`  snapshots for ${ready.snapshotsNeeded}`)
  for (const {index} of ready.readStates) lines.push(`  read T at ${index}`)
  for (const _ of ready.readsRefused) lines.push('  read T refused')
  return lines
}

function messageLine(message: Message): string {
  const {from, to, kind, term: of, groupId: _, ...rest} = message
  const words = Object.entries(rest).map(([name, value]) => `${name}=${valueText(name, value)}`)
  return [`${from}>${to} ${kind} t${of}`, ...words].join(' ')
}

function valueText(name: string, value: unknown): string {
  if (name === 'token') return 'T'
  if (name === 'entries') return entriesText(value as Entry[])
  if (name === 'snapshot') return snapshotText(value as SnapshotMeta)
  if (typeof value !== 'object' || value === null) return String(value)
  const {term: of, index} = value as LogPosition
  return `${of}@${index}`
}

function snapshotText({term: of, index, membership}: SnapshotMeta): string {
  return `${of}@${index} voters=[${membership.voters}] learners=[${membership.learners}]`
}

function entriesText(entries: readonly Entry[]): string {
  return `[${entries.map(entryText).join(', ')}]`
}

function entryText(one: Entry): string {
  const {term: of, index, kind} = one
  const position = `${of}@${index}`
  if (kind === 'blank') return `${position} blank`
  if (kind === 'command') return `${position} ${new TextDecoder().decode(entryData(one))}`.trim()
  const membership = decodeMembership(entryData(one), index)!
  const {voters, votersOutgoing, learners, learnersNext, observers, target} = membership
  const parts = {voters, votersOutgoing, learners, learnersNext, observers}
  const words = Object.entries(parts)
    .filter(([name, ids]) => name === 'voters' || ids.length > 0)
    .map(([name, ids]) => `${name}=[${ids}]`)
  if (target) words.push(`target=[${target.voters}]/[${target.learners}]`)
  return `${position} membership ${words.join(' ')}`
}
