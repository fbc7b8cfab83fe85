import type {SessionContext} from '../kv/command.js'
import {toSafeNumber} from '../rpc/codec.js'
import type {WriteContext} from '../rpc/gen/raftctl/v1/kv.js'
import {serverStream, unary, unwrap} from './call.js'
import type {Attempt, Router} from './router.js'
import {Session} from './session.js'
import type {KeyDeleted, KeyFound, KeyPut, KeyValue, RangeOptions} from './types.js'

const NO_BYTES = Buffer.alloc(0)

interface Times {
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

/** The key-value calls made one at a time. Writes carry a session, so that a retry is exact. */
export class KeyValueCalls {
  readonly #router: Router
  readonly #times: Times
  #session: Promise<Session> | undefined

  constructor(router: Router, times: Times) {
    this.#router = router
    this.#times = times
  }

  async put(
    key: Uint8Array,
    value: Uint8Array,
    {expectedVersion}: {readonly expectedVersion?: number | undefined} = {},
  ): Promise<KeyPut> {
    const expected = expectedVersion === undefined ? undefined : BigInt(expectedVersion)
    const answer = await this.#write((write, {node, timeoutMs}) => {
      const request = {key: bytes(key), value: bytes(value), write, expectedVersion: expected}
      const time = this.#time(timeoutMs)
      return unary(node.address, node.kv.put.bind(node.kv), request, time)
    })
    return {
      version: toSafeNumber(answer.version),
      previousVersion: answer.previousVersion === 0n ? null : toSafeNumber(answer.previousVersion),
    }
  }

  async delete(key: Uint8Array): Promise<KeyDeleted> {
    const answer = await this.#write((write, {node, timeoutMs}) => {
      const request = {key: bytes(key), write, expectedVersion: undefined}
      return unary(node.address, node.kv.delete.bind(node.kv), request, this.#time(timeoutMs))
    })
    return {deleted: answer.deleted, index: toSafeNumber(answer.index)}
  }

  async get(key: Uint8Array): Promise<KeyFound | undefined> {
    const answer = await this.#router.onLeader('read', ({node, timeoutMs}) => {
      const request = {key: bytes(key), stale: false}
      return unary(node.address, node.kv.get.bind(node.kv), request, this.#time(timeoutMs))
    })
    if (!answer.found) return undefined
    return {
      value: answer.value,
      version: toSafeNumber(answer.version),
      appliedIndex: toSafeNumber(answer.appliedIndex),
    }
  }

  /**
   * A range is one read: it is begun anew on another leader as long as nothing was handed out, and
   * fails after that, because the rest would be of another moment.
   */
  async *range({start, end, limit, stale = false}: RangeOptions): AsyncGenerator<KeyValue> {
    const request = {
      start: bytes(start ?? NO_BYTES),
      end: bytes(end ?? NO_BYTES),
      limit: BigInt(limit ?? 0),
      stale,
      keysOnly: false,
    }
    const {pages, first} = await this.#router.onLeader('read', async ({node, timeoutMs}) => {
      const times = {idleMs: timeoutMs, signal: this.#times.signal}
      const stream = serverStream(node.address, times, metadata => node.kv.range(request, metadata))
      return {pages: stream, first: await stream.next()}
    })
    try {
      for (let page = first; !page.done; page = await pages.next()) {
        for (const item of page.value.items) {
          yield {key: item.key, value: item.value, version: toSafeNumber(item.version)}
        }
      }
    } catch (error) {
      throw unwrap(error)
    } finally {
      await pages.return()
    }
  }

  /** An entry at which every member takes the hash of its state; answers its index. */
  async checkpoint(): Promise<number> {
    const {index} = await this.#router.onLeader('read', ({node, timeoutMs}) =>
      unary(node.address, node.kv.checkpoint.bind(node.kv), {}, this.#time(timeoutMs)),
    )
    return toSafeNumber(index)
  }

  async #write<T>(send: (write: WriteContext, attempt: Attempt) => Promise<T>): Promise<T> {
    const session = await this.#openSession()
    const sequence = session.begin()
    try {
      return await this.#router.onLeader('exact', attempt =>
        send(toWire(session.context(sequence)), attempt),
      )
    } finally {
      session.answered(sequence)
    }
  }

  #openSession(): Promise<Session> {
    this.#session ??= openSession(this.#router, this.#times.signal).catch(error => {
      this.#session = undefined
      throw error
    })
    return this.#session
  }

  #time(timeoutMs: number) {
    return {timeoutMs, signal: this.#times.signal}
  }
}

function toWire({sessionId, sequence, lowestUnanswered}: SessionContext): WriteContext {
  return {
    sessionId: BigInt(sessionId),
    sequence: BigInt(sequence),
    lowestUnanswered: BigInt(lowestUnanswered),
  }
}

/** A session that nobody heard of does no harm: opening one may be repeated. */
export async function openSession(
  router: Router,
  signal: AbortSignal | undefined,
  timeoutMs?: number,
): Promise<Session> {
  const answer = await router.onLeader(
    'read',
    ({node, timeoutMs: attemptMs}) =>
      unary(node.address, node.kv.openSession.bind(node.kv), {}, {timeoutMs: attemptMs, signal}),
    timeoutMs,
  )
  return new Session(toSafeNumber(answer.sessionId))
}

/** The same memory as a Buffer, which the generated code wants. */
export function bytes(data: Uint8Array): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength)
}
