/**
 * Many operations in flight on one stream.
 *
 *   queued ──written──▶ sent ──result──▶ answered
 *      ▲                  │
 *      └── stream lost, or refused by a node that does not lead
 *
 * Each write keeps its session and sequence for life, so that sending it again is safe. At its
 * deadline an operation that was sent and never answered has an unknown outcome; one that was never
 * sent, or only ever refused, did not happen.
 */
import type {ClientDuplexStream, ServiceError} from '@grpc/grpc-js'
import {isErrorCode, RaftctlError} from '../errors.js'
import {checkWrite} from '../kv/command.js'
import {encodeWrites, type PipelineWrite, readAnswers} from '../kv/pipeline-records.js'
import type {KeptResult} from '../kv/results.js'
import {toSafeNumber} from '../rpc/codec.js'
import type {
  GetResponse,
  KeyValueServiceClient,
  PipelineOperation,
  PipelineRequest,
  PipelineResponse,
  PipelineResult,
} from '../rpc/gen/raftctl/v1/kv.js'
import {failureOf} from './call.js'
import {backoffMs, type Deadline, deadlineAfter, interrupted, pause, spell} from './deadline.js'
import {bytes, openSession} from './key-value-calls.js'
import {isPassing, isRepeatable, lastWord, type Router, replacedBy} from './router.js'
import type {Session} from './session.js'
import type {KeyDeleted, KeyFound, KeyPut} from './types.js'

const BATCH_OPERATIONS = 512
const BATCH_BYTES = 1024 * 1024
/** Silence with operations in flight, after which the others are asked whether they have a leader. */
const DOUBT_MS = 300
/** And after which the leader is looked for anew, whatever they say; doubled until one answers. */
const SILENCE_MS = 1500
const WATCH_MS = 100

export interface PipelineOptions {
  readonly router: Router
  readonly connect: (address: string) => KeyValueServiceClient
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

type Change =
  | {readonly op: 'put'; readonly key: Uint8Array; readonly value: Uint8Array}
  | {readonly op: 'delete'; readonly key: Uint8Array}

type Body = (Change & {readonly sequence: number}) | {readonly op: 'get'; readonly key: Buffer}

type Answer = KeptResult | ({readonly kind: 'get'} & GetResponse)

interface Operation {
  readonly id: number
  readonly body: Body
  readonly deadline: Deadline
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: RaftctlError) => void
  /** Times it was sent without any word on what became of it. */
  unresolved: number
}

type Stream = ClientDuplexStream<PipelineRequest, PipelineResponse>

export class Pipeline {
  readonly #options: PipelineOptions
  /** Waiting to be written, in the order of their ids. */
  #queued: Operation[] = []
  /** Written on the stream that stands now. */
  readonly #sent = new Map<number, Operation>()
  #session: Promise<Session> | undefined
  #current: Session | undefined
  #stream: Stream | undefined
  #address = ''
  #connecting = false
  #blocked = false
  #scheduled = false
  #nextId = 1
  #failures = 0
  #lastTrouble: RaftctlError | undefined
  #heardMs = 0
  #silenceMs = SILENCE_MS
  #watch: NodeJS.Timeout | undefined
  #doubting = false
  #ended: RaftctlError | undefined

  constructor(options: PipelineOptions) {
    this.#options = options
    const {signal} = options
    if (signal?.aborted) this.#end(interrupted())
    signal?.addEventListener('abort', () => this.#end(interrupted()), {once: true})
  }

  /** Operations without an answer. */
  get inFlight(): number {
    return this.#queued.length + this.#sent.size
  }

  async put(key: Uint8Array, value: Uint8Array): Promise<KeyPut> {
    const answer = await this.#write({op: 'put', key, value})
    if (answer.kind !== 'put') throw strange(answer.kind)
    const {version, previousVersion} = answer
    return {version, previousVersion: previousVersion === 0 ? null : previousVersion}
  }

  async delete(key: Uint8Array): Promise<KeyDeleted> {
    const answer = await this.#write({op: 'delete', key})
    if (answer.kind !== 'delete') throw strange(answer.kind)
    return {deleted: answer.deleted, index: answer.index}
  }

  async get(key: Uint8Array): Promise<KeyFound | undefined> {
    const answer = await this.#submit({op: 'get', key: bytes(key)})
    if (answer.kind !== 'get') throw strange(answer.kind)
    const {found, value, version, appliedIndex} = answer
    if (!found) return undefined
    return {value, version: toSafeNumber(version), appliedIndex: toSafeNumber(appliedIndex)}
  }

  /** Cuts the stream; what is still waiting is rejected as at its deadline. */
  destroy(): void {
    this.#end(new RaftctlError('RAFTCTL_NODE_STOPPED', 'the client was closed'))
  }

  async #write(change: Change): Promise<Answer> {
    const {router, signal, timeoutMs} = this.#options
    checkWrite(change.key, change.op === 'put' ? change.value : undefined)
    this.#session ??= openSession(router, signal, timeoutMs).then(
      session => {
        this.#current = session
        return session
      },
      error => {
        this.#session = undefined
        throw error
      },
    )
    // Once it is open no promise is awaited: calls keep the order in which they were made.
    const session = this.#current ?? (await this.#session)
    const sequence = session.begin()
    try {
      return await this.#submit({...change, sequence})
    } finally {
      session.answered(sequence)
    }
  }

  #submit(body: Body): Promise<Answer> {
    if (this.#ended) return Promise.reject(this.#ended)
    return new Promise((resolve, reject) => {
      const deadline = deadlineAfter(this.#options.timeoutMs)
      this.#queued.push({id: this.#nextId++, body, deadline, resolve, reject, unresolved: 0})
      this.#schedule()
    })
  }

  /** What gathers during one turn of the event loop travels together. */
  #schedule(): void {
    this.#watch ??= setInterval(() => this.#look(), WATCH_MS)
    if (this.#scheduled || this.#blocked) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#flush()
    })
  }

  #flush(): void {
    if (this.#ended || this.#queued.length === 0) return
    const stream = this.#stream
    if (stream === undefined) {
      void this.#connect()
      return
    }
    if (this.#sent.size === 0) this.#heardMs = performance.now()
    while (this.#queued.length > 0 && !this.#blocked) {
      this.#blocked = !stream.write(this.#nextBatch())
    }
    if (this.#blocked) {
      stream.once('drain', () => {
        if (this.#stream !== stream) return
        this.#blocked = false
        this.#schedule()
      })
    }
  }

  #nextBatch(): PipelineRequest {
    let size = 0
    let count = 0
    const writes: PipelineWrite[] = []
    const operations: PipelineOperation[] = []
    for (const operation of this.#queued) {
      const {id, body} = operation
      size += body.key.length + (body.op === 'put' ? body.value.length : 0) + 32
      if (count > 0 && (count >= BATCH_OPERATIONS || size > BATCH_BYTES)) break
      count += 1
      operation.unresolved += 1
      this.#sent.set(operation.id, operation)
      if (body.op === 'get') {
        const value = {key: body.key, stale: false}
        operations.push({id: BigInt(id), operation: {$case: 'get', value}})
      } else {
        const session = this.#current!.context(body.sequence)
        writes.push({id, command: {...body, session, expectedVersion: undefined}})
      }
    }
    this.#queued = this.#queued.slice(count)
    return {operations, writes: encodeWrites(writes)}
  }

  async #connect(): Promise<void> {
    if (this.#connecting) return
    this.#connecting = true
    try {
      while (!this.#ended && this.#queued.length > 0 && this.#stream === undefined) {
        if (this.#failures > 0) await pause(backoffMs(this.#failures - 1), this.#options.signal)
        try {
          // The operations keep their own deadlines; asking around goes on as long as any waits.
          const address = await this.#options.router.leader(
            deadlineAfter(Math.min(1000, this.#options.timeoutMs)),
          )
          if (!this.#ended) this.#open(address)
        } catch (error) {
          this.#failures += 1
          const known = asRaftctlError(error)
          this.#trouble(known, isRepeatable(known.code))
        }
      }
    } catch {
      // The pause was interrupted: the signal's own listener has ended everything.
    } finally {
      this.#connecting = false
    }
    if (this.#stream !== undefined) this.#schedule()
  }

  #open(address: string): void {
    const stream = this.#options.connect(address).pipeline()
    this.#stream = stream
    this.#address = address
    this.#blocked = false
    stream.on('data', (response: PipelineResponse) => {
      this.#heardMs = performance.now()
      this.#silenceMs = SILENCE_MS
      for (const result of response.results) this.#answered(stream, result)
      const whole = readAnswers(response.answers, (id, result) => this.#settle(stream, id, result))
      if (!whole) this.#lost(stream, strange('damaged answer'))
    })
    stream.on('error', (error: ServiceError) => {
      const failure = failureOf(error, address)
      this.#lost(stream, failure.error, isPassing(failure))
    })
    stream.on('end', () => {
      const text = `${address} ended the stream`
      this.#lost(stream, new RaftctlError('RAFTCTL_UNREACHABLE', text))
    })
  }

  #settle(stream: Stream, id: number, answer: Answer): void {
    if (stream !== this.#stream) return
    const operation = this.#sent.get(id)
    if (operation === undefined) return
    this.#sent.delete(id)
    this.#failures = 0
    operation.resolve(answer)
  }

  #answered(stream: Stream, {id, result}: PipelineResult): void {
    if (stream !== this.#stream || result === undefined) return
    if (result.$case === 'get') {
      this.#settle(stream, Number(id), {kind: 'get', ...result.value})
      return
    }
    const operation = this.#sent.get(Number(id))
    if (operation === undefined) return
    this.#sent.delete(operation.id)
    if (result.$case !== 'error') {
      operation.reject(strange(result.$case))
      return
    }

    const {code, message, hint, leaderAddress} = result.value
    const error = new RaftctlError(isErrorCode(code) ? code : 'RAFTCTL_UNEXPECTED', message, {
      hint: hint === '' ? undefined : hint,
      leader: leaderAddress === '' ? undefined : leaderAddress,
    })
    const unclear =
      error.code === 'RAFTCTL_OUTCOME_UNKNOWN' || error.code === 'RAFTCTL_NODE_STOPPED'
    if (!unclear) operation.unresolved -= 1
    if (!unclear && !isRepeatable(error.code)) {
      const expired = error.code === 'RAFTCTL_SESSION_EXPIRED'
      operation.reject(expired && this.#isInDoubt(operation) ? doubt(error) : error)
      return
    }
    this.#requeue([operation])
    if (error.code === 'RAFTCTL_OVERLOADED') {
      this.#lastTrouble = error
      this.#pauseFor(stream)
    } else {
      this.#lost(stream, error)
    }
  }

  /** The node has more than it can take: leaves it alone for a moment. */
  #pauseFor(stream: Stream): void {
    if (this.#blocked) return
    this.#blocked = true
    setTimeout(
      () => {
        if (this.#stream !== stream) return
        this.#blocked = false
        this.#schedule()
      },
      backoffMs(this.#failures++),
    )
  }

  #lost(stream: Stream, error: RaftctlError, passes = true): void {
    if (stream !== this.#stream) return
    this.#stream = undefined
    this.#blocked = false
    stream.on('error', () => {})
    stream.cancel()
    const redirect = this.#failures === 0 ? error.leader : undefined
    this.#options.router.leaderWas(this.#address, redirect)
    this.#failures += 1
    const sent = [...this.#sent.values()]
    this.#sent.clear()
    this.#requeue(sent)
    this.#trouble(error, passes)
    if (this.#queued.length > 0) this.#schedule()
  }

  #requeue(operations: readonly Operation[]): void {
    this.#queued = [...this.#queued, ...operations].sort((a, b) => a.id - b.id)
  }

  /** Something that will not pass ends everything; the rest is tried again. */
  #trouble(error: RaftctlError, passes: boolean): void {
    this.#lastTrouble = error
    if (!passes) this.#end(error)
  }

  /** Ends what ran out of time, and a stream on which nothing is heard any more. */
  #look(): void {
    const expired = ({deadline}: Operation) => deadline.expired()
    for (const operation of [...this.#queued.filter(expired)]) this.#giveUp(operation)
    this.#queued = this.#queued.filter(operation => !expired(operation))
    for (const operation of [...this.#sent.values()].filter(expired)) {
      this.#sent.delete(operation.id)
      this.#giveUp(operation)
    }
    if (this.inFlight === 0) {
      clearInterval(this.#watch)
      this.#watch = undefined
      return
    }
    const stream = this.#stream
    if (stream === undefined || this.#sent.size === 0) return
    const silentMs = performance.now() - this.#heardMs
    if (silentMs > this.#silenceMs) {
      this.#silenceMs *= 2
      const text = `${this.#address} answers nothing`
      this.#lost(stream, new RaftctlError('RAFTCTL_TIMED_OUT', text))
    } else if (silentMs > DOUBT_MS) void this.#doubt(stream)
  }

  /** Leaves a node that is silent as soon as another leads. */
  async #doubt(stream: Stream): Promise<void> {
    if (this.#doubting) return
    this.#doubting = true
    const askedMs = performance.now()
    const leader = await this.#options.router.replacementOf(this.#address)
    this.#doubting = false
    if (leader === undefined || this.#heardMs > askedMs) return
    this.#lost(stream, replacedBy(this.#address, leader))
  }

  #giveUp(operation: Operation, why = this.#lastTrouble): void {
    const {timeoutMs} = operation.deadline
    const error =
      why ?? new RaftctlError('RAFTCTL_TIMED_OUT', `no answer within ${spell(timeoutMs)}`)
    const certain = lastWord(error, operation.deadline)
    operation.reject(this.#isInDoubt(operation) ? doubt(error) : certain)
  }

  #isInDoubt({body, unresolved}: Operation): boolean {
    return body.op !== 'get' && unresolved > 0
  }

  #end(error: RaftctlError): void {
    if (this.#ended) return
    this.#ended = error
    clearInterval(this.#watch)
    const stream = this.#stream
    this.#stream = undefined
    stream?.on('error', () => {})
    stream?.cancel()
    const waiting = [...this.#sent.values(), ...this.#queued]
    this.#sent.clear()
    this.#queued = []
    for (const operation of waiting) this.#giveUp(operation, error)
  }
}

function asRaftctlError(error: unknown): RaftctlError {
  if (error instanceof RaftctlError) return error
  return new RaftctlError('RAFTCTL_UNEXPECTED', String(error), {cause: error})
}

function doubt(cause: RaftctlError): RaftctlError {
  if (cause.code === 'RAFTCTL_INTERRUPTED') {
    return new RaftctlError('RAFTCTL_INTERRUPTED', 'interrupted after the write was sent', {
      hint: 'It may or may not have taken effect: read it back.',
      details: {sent: true},
      cause,
    })
  }
  return new RaftctlError(
    'RAFTCTL_OUTCOME_UNKNOWN',
    `the write was sent, but its outcome is unknown (${cause.message})`,
    {hint: 'Read the key back before you write it again.', cause},
  )
}

function strange(kind: string): RaftctlError {
  return new RaftctlError('RAFTCTL_UNEXPECTED', `the node answered a ${kind} to something else`)
}
