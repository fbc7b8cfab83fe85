import type {DurableLog, LogBatch, SnapshotStore} from '../node/ports.js'
import {NodeRuntime} from '../node/runtime.js'
import {decodeEntry} from '../raft/entry.js'
import type {Message} from '../raft/messages.js'
import {logIndex, term} from '../raft/types.js'
import {openDataDirectory} from '../storage/data-directory.js'
import type {FileSystem} from '../storage/file-system.js'
import {openSnapshotStore} from '../storage/snapshot-store.js'
import {openWal, type Wal, type WalOptions} from '../storage/wal/wal.js'
import {MemoryStateMachine} from './memory-state-machine.js'
import {CLUSTER_ID, DATA_DIRECTORY, GROUP, type Machine, type RunningProcess} from './parts.js'
import {LOW_DISK_BYTES} from './scenario.js'
import {SimStateMachine} from './sim-state-machine.js'
import {SnapshotInbox} from './snapshot-inbox.js'
import {storeIdOf} from './world.js'

/** Of one process in one moment. */
const CALLS_MAX = 1_000_000
const CALLS_PER_TURN = 1000
const LATE_GAP_MS = 0.2
const WALL_START_MS = 1_700_000_000_000

/** One process of a node, from its start to whatever ends it; after that nothing of it has effect. */
export class Process implements RunningProcess {
  readonly node: Machine
  isAlive = true
  /** Something was made to fail: the process may stop for it. */
  hadFault = false
  runtime: NodeRuntime | undefined
  stateMachine: SimStateMachine | undefined
  snapshots: SnapshotStore | undefined
  readonly inbox: SnapshotInbox
  readonly #fs: FileSystem
  #calls = 0
  #callsAtMs = 0
  #lateUntilMs = 0

  constructor(node: Machine) {
    this.node = node
    this.#fs = node.fs.mount()
    this.inbox = new SnapshotInbox(this)
  }

  start(): void {
    const {world} = this.node
    world.long(this.#start()).catch((error: unknown) => this.failed(error))
    world.want(8)
  }

  /** Runs `task` as one event of this process, and looks at the node afterwards. */
  enter(task: (process: Process) => void): void {
    if (!this.isAlive) return
    const {touched} = this.node.world
    if (touched.at(-1) !== this) touched.push(this)
    try {
      task(this)
    } catch (error) {
      this.failed(error)
    }
    this.look()
  }

  look(): void {
    if (this.isAlive && this.runtime !== undefined) this.node.world.checks.look(this.runtime.core)
  }

  /** The node can't go on. Only what was made to fail may do that. */
  failed(error: unknown): void {
    if (!this.isAlive) return
    const {node} = this
    const {world} = node
    if (!this.hadFault) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
      world.checks.verdict.violated('node-failed', `node ${node.id} stops: ${text}`)
    }
    node.end(false)
    world.after(node.random.between(10, 500), () => node.start())
  }

  step(message: Message): void {
    const {runtime} = this
    if (runtime === undefined) return
    this.node.world.counts.steps++
    runtime.step([message])
  }

  async #start(): Promise<void> {
    const {node} = this
    const {world} = node
    const directory = await openDataDirectory(this.#fs, DATA_DIRECTORY)
    const paths = directory.groupPaths(GROUP)
    if (directory.identity === undefined) {
      await this.#prepareLog(paths.wal)
      await directory.writeIdentity({
        clusterId: CLUSTER_ID,
        nodeId: node.id,
        storeId: storeIdOf(node.id),
      })
    }
    const {wal, recovery} = await openWal(this.#fs, paths.wal, {...this.#wal, mustExist: true})
    if (recovery.cut !== undefined) world.counts.tailsCut++
    const store = await openSnapshotStore(this.#fs, paths.snapshots, {
      clusterId: CLUSTER_ID,
      groupId: GROUP,
      wallMs: () => this.#wallMs(),
    })
    if (!this.isAlive) return
    world.checks.recovered(node.id, wal)
    this.snapshots = store
    const stateMachine = new SimStateMachine(this, new MemoryStateMachine(node.state))
    this.stateMachine = stateMachine
    world.checks.commits.standsAt(node.id, stateMachine.appliedIndex)
    const runtime = await NodeRuntime.start({
      nodeId: node.id,
      groupId: GROUP,
      settings: world.scenario.settings,
      random: () => node.random.uint32(),
      clock: this.#clock,
      transport: {
        send: messages => this.#send(messages),
        sendSnapshot: (to, message) => node.network.sendSnapshot(this, to, message),
        // The simulated network reaches everybody.
        setMembership: () => {},
      },
      log: this.#watched(wal),
      stateMachine,
      snapshots: store,
      disk: {
        get freeBytes() {
          return node.isDiskLow ? 0 : 2 * LOW_DISK_BYTES
        },
      },
      events: {
        failed: error => this.failed(error),
        removed: () => this.#removed(),
        note: event => this.#note(event),
      },
    })
    if (!this.isAlive) return
    world.checks.started(node.id, runtime.core.lastApplied)
    this.runtime = runtime
    world.counts.restarts++
    stateMachine.flushNowAndThen()
    this.look()
  }

  get #wal(): WalOptions {
    const {segmentBytes, keepBytes, memoryBytes} = this.node.world.scenario.disk
    const logId = new Uint8Array(8)
    for (let i = 0; i < 8; i++) logId[i] = this.node.random.below(256)
    return {
      segmentBytesMin: segmentBytes,
      segmentBytesMax: 4 * segmentBytes,
      memoryBytesMax: memoryBytes,
      keepBytes,
      logId,
    }
  }

  /** As the daemon does it: a new log, with the first entry of a new cluster in it. */
  async #prepareLog(path: string): Promise<void> {
    if (this.#fs.kindOf(path) !== undefined) {
      for (const name of this.#fs.list(path)) this.#fs.remove(`${path}/${name}`)
      await this.#fs.syncDirectory(path)
    }
    const {wal} = await openWal(this.#fs, path, this.#wal)
    const {firstRecord, id, world} = this.node
    if (firstRecord !== undefined) {
      const batch = {
        reset: undefined,
        hardState: {term: term(1), votedFor: undefined, commitIndex: logIndex(1)},
        entries: [decodeEntry(firstRecord)!],
      }
      await wal.append(batch)
      if (!this.isAlive) return
      const disk = world.checks.disks.of(id)
      if (disk.lastIndex === 0) {
        world.checks.appending(id, batch)
        world.checks.appended(id)
      }
    }
    await wal.close()
  }

  get #clock() {
    const {node} = this
    const {world} = node
    return {
      nowMs: () => world.nowMs * node.clockRate,
      wallMs: () => this.#wallMs(),
      every: (ms: number, callback: () => void) => this.#every(ms / node.clockRate, callback),
      soon: (callback: () => void) => this.#soon(callback),
    }
  }

  #wallMs(): number {
    const {node} = this
    return Math.floor(WALL_START_MS + node.world.nowMs * node.clockRate + node.wallOffsetMs)
  }

  #every(ms: number, callback: () => void): () => void {
    const {node} = this
    const {world} = node
    let isOn = true
    const fire = () => {
      if (!isOn || !this.isAlive) return
      if (node.isPaused) {
        // However long the pause, a timer is late only once.
        node.run(fire)
        return
      }
      this.enter(callback)
      if (isOn && this.isAlive) world.after(ms, fire)
    }
    world.after(ms * node.random.unit(), fire)
    return () => {
      isOn = false
    }
  }

  /** Mostly at the end of this moment; at times later, so that more than one event gathers. */
  #soon(callback: () => void): void {
    const {world} = this.node
    this.#countCall(CALLS_PER_TURN)
    const run = () => this.enter(callback)
    // One at a time is late, so that a core that never ends does so in one moment.
    if (world.nowMs < this.#lateUntilMs || this.node.random.chance(0.85)) {
      world.soon.push(run)
      return
    }
    const lateMs = this.node.random.between(0, 1)
    this.#lateUntilMs = world.nowMs + lateMs + LATE_GAP_MS
    world.after(lateMs, () => this.node.run(() => callback()))
  }

  /** Called wherever the core passes by; a core that never comes to an end is ended here. */
  #countCall(weight = 1): void {
    const {world} = this.node
    if (world.nowMs !== this.#callsAtMs) {
      this.#callsAtMs = world.nowMs
      this.#calls = 0
    }
    this.#calls += weight
    if (this.#calls < CALLS_MAX) return
    world.checks.verdict.violated('livelock', `node ${this.node.id} never ends what it does`)
    throw new Error('the simulation ends a node that does not end')
  }

  #send(messages: readonly Message[]): void {
    if (!this.isAlive) return
    this.#countCall()
    const {world, network} = this.node
    for (const message of messages) {
      world.checks.sent(message)
      network.send(message)
    }
  }

  #watched(wal: Wal): DurableLog {
    const {checks} = this.node.world
    const {id, world} = this.node
    const append = async (batch: LogBatch) => {
      if (!this.isAlive) return new Promise<void>(() => {})
      checks.appending(id, batch)
      world.want(4)
      await wal.append(batch)
      if (!this.isAlive) return new Promise<void>(() => {})
      checks.appended(id)
    }
    return {
      get hardState() {
        return wal.hardState
      },
      get bytesWritten() {
        return wal.bytesWritten
      },
      firstIndex: () => {
        this.#countCall()
        return wal.firstIndex()
      },
      lastIndex: () => wal.lastIndex(),
      term: index => wal.term(index),
      entries: (lo, hi, bytesMax) => wal.entries(lo, hi, bytesMax),
      bytesAfter: index => wal.bytesAfter(index),
      append,
      compact: index => {
        checks.disks.compacting(id, index)
        return world.long(wal.compact(index))
      },
      close: () => wal.close(),
    }
  }

  #removed(): void {
    const {node} = this
    const {world} = node
    world.checks.removed(node.id)
    world.counts.removals++
    node.isRemoved = true
    world.soon.push(() => {
      if (this.isAlive) node.end(false)
    })
  }

  #note(event: string): void {
    const {counts} = this.node.world
    if (event === 'snapshot-installed') counts.installs++
    else if (event === 'snapshot-created') counts.snapshots++
  }
}
