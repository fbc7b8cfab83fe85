/**
 * One node of the simulated cluster, and its processes one after the other:
 *
 *   start ──▶ directory, log, snapshots, state ──▶ NodeRuntime ──crash, kill, stop, failure──▶ down
 *     ▲                                                                                        │
 *     └──────────────────────────────── what the disk kept ────────────────────────────────────┘
 *
 * Everything between the runtime and the world is real but the disk beneath the file system, the
 * network, the clock and the store of the state machine.
 */
import type {NodeId} from '../raft/types.js'
import {MemoryDisk} from './memory-state-machine.js'
import type {Carrier, Machine} from './parts.js'
import {Process} from './process.js'
import {Random} from './random.js'
import {SimFileSystem} from './sim-file-system.js'
import type {World} from './world.js'

const TURN_MS = 0.01

export class SimNode implements Machine {
  readonly id: NodeId
  readonly world: World
  readonly network: Carrier
  readonly fs: SimFileSystem
  readonly state = new MemoryDisk()
  /** The founding membership's record; undefined for a member that was added later. */
  readonly firstRecord: Uint8Array | undefined
  process: Process | undefined
  /** Told that it is no member any more: it is not started again. */
  isRemoved = false
  /** A process of it is being stopped cleanly. */
  isStopping = false
  /** This clock's second against the world's. */
  readonly clockRate: number
  wallOffsetMs: number
  /** Until then nothing of this node runs, though it is there. */
  pausedUntilMs = 0
  /** The next sync of its disk fails. */
  failNextSync = false
  /** It takes no writes then. */
  isDiskLow = false
  readonly random: Random
  #deferred: (() => void)[] = []

  constructor(world: World, network: Carrier, id: NodeId, firstRecord?: Uint8Array) {
    this.world = world
    this.network = network
    this.id = id
    this.firstRecord = firstRecord
    this.random = new Random(world.scenario.seed, 100 + id)
    const {clockSkew} = world.scenario.faults
    this.clockRate = 1 + this.random.between(-clockSkew, clockSkew)
    this.wallOffsetMs = Math.round(this.random.between(-5000, 5000))
    const chance = new Random(world.scenario.seed, 1000 + id)
    this.fs = new SimFileSystem({
      random: () => chance.unit(),
      fault: operation => this.#fault(operation),
      syncPause: () => this.#pause(),
      directorySyncPause: () => this.#pause(),
    })
  }

  get isPaused(): boolean {
    return this.pausedUntilMs > this.world.nowMs
  }

  start(): void {
    if (this.process !== undefined || this.isRemoved) return
    this.process = new Process(this)
    this.process.start()
  }

  /** Ends the process at once: `power` takes what the disk had not synced. */
  end(power: boolean): void {
    const {process} = this
    if (process === undefined) return
    process.isAlive = false
    this.process = undefined
    this.isStopping = false
    this.pausedUntilMs = 0
    this.#deferred = []
    if (power) this.fs.crash()
    else this.fs.kill()
    this.state.owner++
  }

  /** Runs something in the node's process now, or when its pause is over; never in another process. */
  run(task: (process: Process) => void): void {
    const {process} = this
    if (process === undefined) return
    if (this.isPaused) {
      this.#deferred.push(() => {
        if (this.process === process) process.enter(task)
      })
      return
    }
    process.enter(task)
  }

  pause(forMs: number): void {
    const {nowMs} = this.world
    if (this.process === undefined || this.isPaused) return
    this.pausedUntilMs = nowMs + forMs
    this.world.after(forMs, () => this.#resume())
  }

  resumeNow(): void {
    this.pausedUntilMs = 0
    this.#resume()
  }

  #resume(): void {
    if (this.isPaused) return
    const tasks = this.#deferred.splice(0)
    // Whatever waited at the sockets is taken in any order, a part in each turn of the event loop.
    if (this.random.chance(0.5)) shuffle(tasks, this.random)
    tasks.forEach((task, i) => {
      this.world.after(i * TURN_MS, task)
    })
  }

  /** A process that survived a fault is no longer judged by what stops it, so it does not stay. */
  #endSoonAfterFault(): void {
    const {process} = this
    if (process === undefined) return
    process.hadFault = true
    this.world.after(1000, () => {
      if (this.process !== process) return
      this.end(false)
      this.world.after(1, () => this.start())
    })
  }

  #fault(operation: string): Error | undefined {
    if (!this.failNextSync || (operation !== 'sync' && operation !== 'sync-directory')) {
      return undefined
    }
    this.failNextSync = false
    this.world.counts.failedSyncs++
    this.#endSoonAfterFault()
    return new Error('injected: the sync failed')
  }

  /** A sync that takes its time; one whose process is gone meanwhile never ends. */
  #pause(): Promise<void> {
    const {process, world} = this
    return new Promise(resolve => {
      world.after(world.syncMs(), () => {
        if (this.process !== process) return
        this.run(() => {
          resolve()
          world.want(8)
        })
      })
    })
  }
}

function shuffle<T>(items: T[], random: Random): void {
  for (let i = items.length - 1; i > 0; i--) {
    const j = random.below(i + 1)
    const item = items[i]!
    items[i] = items[j]!
    items[j] = item
  }
}
