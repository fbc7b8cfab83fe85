import {setTimeout as delay} from 'node:timers/promises'
import {ClusterClient} from '../src/client/cluster-client.js'
import {type ErrorCode, RaftctlError} from '../src/errors.js'
import type {History, Operation} from '../src/sim/checkers/history.js'
import type {Random} from './random.js'

/**
 * How long one operation may take; by number. The impatient are soon in doubt and go where another
 * leads by now, while the patient still wait for whoever led before and must not get an old answer.
 */
const OPERATION_MS = [200, 400, 800, 1600]
const THINK_MS_MAX = 20

/** After these nobody knows whether a change took effect. */
const DOUBT: ReadonlySet<ErrorCode> = new Set(['RAFTCTL_OUTCOME_UNKNOWN', 'RAFTCTL_INTERRUPTED'])

export interface HistoryClientOptions {
  readonly number: number
  readonly endpoints: readonly string[]
  readonly keys: readonly string[]
  readonly nextValue: () => number
  readonly random: Random
  readonly history: History
}

/** One operation after the other, of every kind, on a few keys that others use too. */
export class HistoryClient {
  readonly #options: HistoryClientOptions
  readonly #client: ClusterClient
  /** What it has seen of each key: a swap begins there. */
  readonly #seen = new Map<number, {value: number; version: number}>()
  /** How often it was told what, instead of an answer. */
  readonly troubles: ErrorCode[] = []
  /** When the last answer came, by `performance.now()`. */
  answeredMs = 0

  constructor(options: HistoryClientOptions) {
    this.#options = options
    const {endpoints, number} = options
    const timeoutMs = OPERATION_MS[number % OPERATION_MS.length]!
    this.#client = new ClusterClient({endpoints, timeoutMs})
  }

  async run(stop: AbortSignal): Promise<void> {
    try {
      while (!stop.aborted) {
        await this.#operate()
        await delay(this.#options.random(THINK_MS_MAX))
      }
    } finally {
      this.#client.close()
    }
  }

  async #operate(): Promise<void> {
    const {keys, random, history, nextValue, number: client} = this.#options
    const key = random(keys.length)
    const kind = (['read', 'read', 'write', 'write', 'swap', 'swap', 'delete'] as const)[random(7)]!
    const value = kind === 'write' || kind === 'swap' ? nextValue() : 0
    const seen = this.#seen.get(key) ?? {value: 0, version: 0}
    const expected = kind === 'swap' ? seen.value : 0
    const operation = history.invoke({client, key, kind, value, expected})
    try {
      history.answered(operation, await this.#ask(operation, seen.version))
      this.answeredMs = performance.now()
    } catch (error) {
      if (!(error instanceof RaftctlError)) throw error
      this.troubles.push(error.code)
      if (!DOUBT.has(error.code)) history.refused(operation)
      this.#seen.delete(key)
    }
  }

  /** The outcome as a history has it. */
  async #ask({key, kind, value}: Operation, version: number): Promise<number> {
    const at = Buffer.from(this.#options.keys[key]!)
    switch (kind) {
      case 'read': {
        const found = await this.#client.get(at)
        const read = found && {value: Number(Buffer.from(found.value)), version: found.version}
        this.#seen.set(key, read ?? {value: 0, version: 0})
        return read?.value ?? 0
      }
      case 'write':
        this.#seen.set(key, {value, version: (await this.#client.put(at, bytesOf(value))).version})
        return 1
      case 'delete': {
        const {deleted} = await this.#client.delete(at)
        this.#seen.delete(key)
        return deleted ? 1 : 0
      }
      case 'swap':
        return this.#swap(key, value, version)
    }
  }

  async #swap(key: number, value: number, expectedVersion: number): Promise<number> {
    const at = Buffer.from(this.#options.keys[key]!)
    try {
      const put = await this.#client.put(at, bytesOf(value), {expectedVersion})
      this.#seen.set(key, {value, version: put.version})
      return 1
    } catch (error) {
      if (!(error instanceof RaftctlError) || error.code !== 'RAFTCTL_COMPARE_FAILED') throw error
      this.#seen.delete(key)
      return 0
    }
  }
}

function bytesOf(value: number): Buffer {
  return Buffer.from(String(value))
}
