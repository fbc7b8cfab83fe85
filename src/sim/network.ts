/**
 * A network that loses, repeats, delays and reorders, and is cut in single directions. Messages travel
 * as they are; snapshot files travel in pieces, each asked for, answered, and sent again if need be.
 */
import {RaftctlError} from '../errors.js'
import type {SnapshotInfo} from '../node/ports.js'
import type {InstallSnapshot, Message} from '../raft/messages.js'
import type {NodeId} from '../raft/types.js'
import {Pace} from '../rpc/peer/pace.js'
import type {Carrier, Inbox, Machine, RunningProcess} from './parts.js'
import type {World} from './world.js'

const ANSWER_PATIENCE_MS = 60
const ATTEMPTS_MAX = 4
/** Of pieces of snapshot files: one bit is another when they arrive. */
const CORRUPT_SHARE = 0.003
const HEALED_DELAY_MS = 1

export class SimNetwork<Node extends Machine = Machine> implements Carrier {
  readonly nodes = new Map<NodeId, Node>()
  readonly #world: World
  /** Directions in which nothing passes, as `from * 1000 + to`. */
  readonly #cut = new Set<number>()
  /** When what was sent last in a direction arrives; what is not late does not overtake it. */
  readonly #lastArrivalMs = new Map<number, number>()
  #streams = 0
  /** Grows when the network is healed: what was late by then never comes. */
  #generation = 0

  constructor(world: World) {
    this.#world = world
  }

  /** Nothing passes from the one to the other any more. */
  cut(from: NodeId, to: NodeId): void {
    this.#cut.add(from * 1000 + to)
  }

  mend(): void {
    this.#cut.clear()
  }

  /** The network is good from now on, and has forgotten what it delayed. */
  heal(): void {
    this.mend()
    this.#generation++
  }

  send(message: Message): void {
    const {networkRandom: random, scenario, isHealed} = this.#world
    this.#carry(message)
    if (!isHealed && random.chance(scenario.network.duplication)) this.#carry(message)
  }

  /** The newest snapshot of the sender, going on where the receiver already is. */
  async sendSnapshot(sender: RunningProcess, to: NodeId, message: InstallSnapshot): Promise<void> {
    const info = sender.snapshots?.latest()
    if (info === undefined) {
      throw new RaftctlError('RAFTCTL_SNAPSHOT_NOT_FOUND', 'there is no snapshot to send')
    }
    const {index, term, membership} = info
    const current = {...message, snapshot: {index, term, membership}}
    await this.#sendFile(sender, to, current, info)
  }

  async #sendFile(
    sender: RunningProcess,
    to: NodeId,
    message: InstallSnapshot,
    info: SnapshotInfo,
  ): Promise<void> {
    const stream = ++this.#streams
    const {snapshotChunkBytes} = this.#world.scenario.disk
    const ask = (handle: (inbox: Inbox) => Promise<number>) => this.#ask(sender, to, handle)
    const pace = new Pace(this.#world.scenario.settings.snapshotBytesPerSecond)
    let offset = await ask(inbox => inbox.open(stream, message, info))
    if (offset < info.bytes) {
      for await (const chunk of sender.snapshots!.read(info.id, offset, snapshotChunkBytes)) {
        const at = offset
        offset = await ask(inbox => inbox.chunk(stream, at, this.#onTheWay(chunk)))
        await this.#rest(sender, pace.take(chunk.length, this.#world.nowMs))
      }
    }
    await ask(inbox => inbox.end(stream))
  }

  /** As long as a limited rate wants it; once faults are over there is none. */
  #rest(sender: RunningProcess, ms: number): Promise<void> | undefined {
    const world = this.#world
    if (ms === 0 || world.isHealed) return undefined
    return new Promise(resolve => {
      world.after(ms, () => {
        if (!sender.isAlive) return
        sender.node.run(() => {
          resolve()
          world.want(20)
        })
      })
    })
  }

  /** A question to another node's inbox and its answer; either can be lost, and is asked again. */
  #ask(
    sender: RunningProcess,
    to: NodeId,
    handle: (inbox: Inbox) => Promise<number>,
  ): Promise<number> {
    const world = this.#world
    const from = sender.node.id
    return new Promise((resolve, reject) => {
      let isSettled = false
      let attempts = 0
      const settle = (action: () => void) => {
        this.#pass(to, from, () => {
          if (isSettled || !sender.isAlive) return
          isSettled = true
          sender.node.run(() => {
            action()
            world.want(20)
          })
        })
      }
      const attempt = () => {
        if (isSettled || !sender.isAlive) return
        if (attempts++ === ATTEMPTS_MAX) {
          isSettled = true
          reject(new RaftctlError('RAFTCTL_UNREACHABLE', `the snapshot stream to ${to} was cut`))
          world.want(20)
          return
        }
        this.#pass(from, to, () => {
          this.nodes.get(to)?.run(process => {
            world.counts.snapshotChunks++
            world.want(30)
            handle(process.inbox).then(
              offset => settle(() => resolve(offset)),
              (error: unknown) => settle(() => reject(error)),
            )
          })
        })
        world.after(ANSWER_PATIENCE_MS + 4 * world.scenario.disk.syncMeanMs, attempt)
      }
      attempt()
    })
  }

  #onTheWay(chunk: Uint8Array): Uint8Array {
    const {networkRandom: random, scenario, isHealed} = this.#world
    if (isHealed || scenario.network.loss === 0 || !random.chance(CORRUPT_SHARE)) return chunk
    const arrived = chunk.slice()
    const at = random.below(arrived.length)
    arrived[at] = arrived[at]! ^ (1 << random.below(8))
    return arrived
  }

  #carry(message: Message): void {
    const {from, to} = message
    this.#pass(from, to, () => {
      this.nodes.get(to)?.run(process => {
        this.#world.trace.add(Math.round(this.#world.nowMs * 1000), from * 100 + to, message.term)
        process.step(message)
      })
    })
  }

  /** Something goes from one node to another, and arrives or does not. */
  #pass(from: NodeId, to: NodeId, arrive: () => void): void {
    const world = this.#world
    const {network} = world.scenario
    const random = world.networkRandom
    if (world.isHealed) {
      world.after(HEALED_DELAY_MS, arrive)
      return
    }
    if (random.chance(network.loss)) return
    const isLate = random.chance(network.lateShare)
    let delayMs = isLate
      ? random.between(0, network.lateMs)
      : network.delayMinMs + random.exponential(network.delayMeanMs)
    if (!network.reorders && !isLate) delayMs = this.#inOrder(from * 1000 + to, delayMs)
    const generation = this.#generation
    world.after(delayMs, () => {
      if (generation !== this.#generation || this.#cut.has(from * 1000 + to)) return
      arrive()
    })
  }

  #inOrder(link: number, delayMs: number): number {
    const {nowMs} = this.#world
    const arrivalMs = Math.max(nowMs + delayMs, this.#lastArrivalMs.get(link) ?? 0)
    this.#lastArrivalMs.set(link, arrivalMs)
    return arrivalMs - nowMs
  }
}
