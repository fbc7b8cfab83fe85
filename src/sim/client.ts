import {RaftctlError} from '../errors.js'
import {type Command, encodeCommand, type SessionContext} from '../kv/command.js'
import type {CommandResult} from '../kv/state.js'
import type {NodeId} from '../raft/types.js'
import {nodeId} from '../raft/types.js'
import type {Operation} from './checkers/history.js'
import type {SimNetwork} from './network.js'
import type {RunningProcess} from './parts.js'
import type {SimNode} from './sim-node.js'
import type {World} from './world.js'

/** A value and the version under which it is known to be stored. */
interface Seen {
  readonly value: number
  readonly version: number
}

interface Request {
  /** undefined: opens a session. */
  readonly operation: Operation | undefined
  readonly data: Uint8Array | undefined
  readonly sequence: number
  attempt: number
  isDone: boolean
}

const utf8 = new TextEncoder()

/**
 * A client as a good one behaves: it opens a session, numbers its writes, has several on their way,
 * and sends each again, to whoever may lead by now, until it knows the outcome.
 */
export class SimClient {
  readonly #world: World
  readonly #network: SimNetwork<SimNode>
  #number: number
  readonly #nextNumber: () => number
  readonly #nextValue: () => number
  readonly #onlyWrites: boolean
  readonly #seen = new Map<number, Seen>()
  #sessionId = 0
  #sequence = 0
  #unanswered = new Set<number>()
  #leader: NodeId | undefined
  #requests = new Set<Request>()
  #isOn = true

  constructor(
    world: World,
    network: SimNetwork<SimNode>,
    nextNumber: () => number,
    nextValue: () => number,
    onlyWrites: boolean,
  ) {
    this.#onlyWrites = onlyWrites
    this.#world = world
    this.#network = network
    this.#nextNumber = nextNumber
    this.#nextValue = nextValue
    this.#number = nextNumber()
  }

  begin(): void {
    this.#sessionId = 0
    this.#sequence = 0
    this.#unanswered.clear()
    this.#request(undefined, encodeCommand({op: 'open-session'}), 0)
  }

  /** Nothing new from now on; what is on its way is still seen through. */
  finish(): void {
    this.#isOn = false
  }

  get isIdle(): boolean {
    return this.#requests.size === 0
  }

  #next(): void {
    const {clientRandom: random, scenario} = this.#world
    const {thinkMeanMs, restartShare} = scenario.clients
    // Without a session there is nothing to do until it is opened.
    if (!this.#isOn || this.#sessionId === 0) return
    if (random.chance(restartShare)) {
      // Its answers come too late from now on: nobody knows what became of its requests.
      for (const request of this.#requests) request.isDone = true
      this.#requests.clear()
      this.#number = this.#nextNumber()
      this.begin()
      return
    }
    const session = this.#sessionId
    this.#world.after(random.exponential(thinkMeanMs), () => {
      if (this.#isOn && session === this.#sessionId) this.#operate()
    })
  }

  #operate(): void {
    const {clientRandom: random, scenario, checks} = this.#world
    const {keys, readShare, swapShare, deleteShare} = scenario.clients
    const client = this.#number
    const key = random.below(keys)
    // Of the shares, the last is that of writes.
    const roll = this.#onlyWrites ? 1 : random.unit()
    if (roll < readShare) {
      const operation = checks.history.invoke({client, key, kind: 'read', value: 0, expected: 0})
      this.#request(operation, undefined, 0)
      return
    }
    const sequence = ++this.#sequence
    this.#unanswered.add(sequence)
    const lowestUnanswered = this.#unanswered.values().next().value!
    const session = {sessionId: this.#sessionId, sequence, lowestUnanswered}
    if (roll < readShare + deleteShare) {
      const operation = checks.history.invoke({client, key, kind: 'delete', value: 0, expected: 0})
      this.#request(operation, encodeCommand(remove(key, session)), sequence)
      return
    }
    const value = this.#nextValue()
    const swaps = roll < readShare + deleteShare + swapShare
    const seen = swaps ? (this.#seen.get(key) ?? {value: 0, version: 0}) : undefined
    const kind = swaps ? 'swap' : 'write'
    const expected = seen?.value ?? 0
    const operation = checks.history.invoke({client, key, kind, value, expected})
    const padding = random.below(scenario.clients.valueBytesMax + 1)
    const command = put(key, value, padding, session, seen?.version)
    this.#request(operation, encodeCommand(command), sequence)
  }

  #request(operation: Operation | undefined, data: Uint8Array | undefined, sequence: number): void {
    const request = {operation, data, sequence, attempt: 0, isDone: false}
    this.#requests.add(request)
    this.#attempt(request)
  }

  #attempt(request: Request): void {
    const world = this.#world
    const {clientRandom: random, scenario, isHealed} = world
    if (request.isDone) return
    const attempt = ++request.attempt
    const node = this.#target(request)
    const again = (delayMs: number) => {
      world.after(delayMs, () => {
        if (!request.isDone && request.attempt === attempt) this.#attempt(request)
      })
    }
    const {loss} = scenario.network
    again(isHealed ? 200 : scenario.clients.patienceMs)
    if (node === undefined || (!isHealed && random.chance(loss))) return
    world.after(random.between(0.1, 1), () => {
      node.run(process => {
        this.#ask(process, request).then(
          result => {
            if (!process.isAlive || (!world.isHealed && random.chance(loss))) return
            world.after(random.between(0.1, 1), () => this.#answered(request, result, node.id))
          },
          (error: unknown) => {
            if (!process.isAlive || request.attempt !== attempt) return
            world.after(random.between(10, 80), () => this.#refused(request, attempt, error))
          },
        )
      })
    })
  }

  async #ask(process: RunningProcess, {operation, data}: Request): Promise<unknown> {
    const {runtime, stateMachine} = process
    const {counts, checks} = this.#world
    if (runtime === undefined || stateMachine === undefined) throw new Error('not started yet')
    this.#world.want(5)
    if (data !== undefined) {
      counts.steps++
      counts.proposals++
      const isDiskLow = process.node.isDiskLow
      const {result} = await runtime.propose(data)
      if (isDiskLow) checks.verdict.violated('low-disk', 'a node without space took a write')
      return result
    }
    await runtime.readBarrier()
    counts.reads++
    const stored = stateMachine.get(keyOf(operation!.key))
    if (stored === undefined) return undefined
    return {value: storedValue(stored.value), version: stored.version}
  }

  #answered(request: Request, result: unknown, from: NodeId): void {
    if (request.isDone) return
    const {checks} = this.#world
    const {operation, sequence} = request
    if (request.data !== undefined) this.#leader = from
    if (operation?.kind === 'read') {
      const seen = (result as Seen | undefined) ?? {value: 0, version: 0}
      this.#seen.set(operation.key, seen)
      checks.history.answered(operation, seen.value)
    } else {
      const outcome = result as CommandResult
      if (outcome.kind === 'session-opened') {
        this.#sessionId = outcome.sessionId
        for (let i = 1; i < this.#world.scenario.clients.inFlight; i++) this.#next()
      } else if (!this.#settle(operation!, outcome)) return
      else {
        this.#unanswered.delete(sequence)
        checks.writes.acknowledged(this.#sessionId, sequence, outcome)
      }
    }
    request.isDone = true
    this.#requests.delete(request)
    this.#next()
  }

  /** Returns false where the answer is none that an honest session can get. */
  #settle(operation: Operation, result: CommandResult): boolean {
    const {checks} = this.#world
    const {key, value} = operation
    switch (result.kind) {
      case 'put':
        this.#seen.set(key, {value, version: result.version})
        checks.history.answered(operation, 1)
        return true
      case 'delete':
        checks.history.answered(operation, result.deleted ? 1 : 0)
        return true
      case 'compare-failed':
        checks.history.answered(operation, 0)
        return true
      default:
        checks.verdict.violated(
          'acknowledged-lost',
          `client ${operation.client} is told "${result.kind}" for a write it still waits for`,
        )
        return false
    }
  }

  #refused(request: Request, attempt: number, error: unknown): void {
    const leader = error instanceof RaftctlError ? error.details?.leaderId : undefined
    this.#leader = typeof leader === 'number' ? nodeId(leader) : undefined
    if (!request.isDone && request.attempt === attempt) this.#attempt(request)
  }

  /** Whom it believes to lead; anybody for reads, and when nobody is known. */
  #target(request: Request): SimNode | undefined {
    const {clientRandom: random} = this.#world
    const {nodes} = this.#network
    const isRead = request.data === undefined
    const known = this.#leader === undefined ? undefined : nodes.get(this.#leader)
    const goesAstray = random.chance(isRead ? 0.5 : 0.05)
    if (known?.process !== undefined && !goesAstray && request.attempt % 3 !== 0) return known
    const running = [...nodes.values()].filter(node => node.process !== undefined)
    return running.length === 0 ? undefined : random.pick(running)
  }
}

const KEYS = new Map<number, Uint8Array>()

function keyOf(key: number): Uint8Array {
  let bytes = KEYS.get(key)
  if (bytes === undefined) {
    bytes = utf8.encode(`key-${key}`)
    KEYS.set(key, bytes)
  }
  return bytes
}

function put(
  key: number,
  value: number,
  padding: number,
  session: SessionContext,
  expectedVersion: number | undefined,
): Command {
  const bytes = new Uint8Array(4 + padding)
  new DataView(bytes.buffer).setUint32(0, value, true)
  return {op: 'put', key: keyOf(key), value: bytes, session, expectedVersion}
}

function remove(key: number, session: SessionContext): Command {
  return {op: 'delete', key: keyOf(key), session, expectedVersion: undefined}
}

function storedValue(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0, true)
}
