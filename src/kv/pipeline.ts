/**
 * One Pipeline stream: many callers' operations, each answered on its own.
 *
 *   message ──▶ outstanding ──applied, or barrier passed──▶ ready ──at once──▶ written
 *
 * An operation is outstanding from its arrival until its answer is written. Beyond a bound, or while
 * the client does not read its answers, nothing more is read from it.
 */
import type {ServerDuplexStream} from '@grpc/grpc-js'
import {RaftctlError} from '../errors.js'
import type {ProposalWaiter} from '../node/api.js'
import type {ApplyResult} from '../node/ports.js'
import type {LogIndex, Term} from '../raft/types.js'
import type {
  PipelineOperation,
  PipelineRequest,
  PipelineResponse,
  PipelineResult,
} from '../rpc/gen/raftctl/v1/kv.js'
import {toServiceError} from '../rpc/status.js'
import {checkKey, decodeCommand} from './command.js'
import type {KeyValueNode} from './key-value-node.js'
import {countWrites, encodeAnswers, type PipelineAnswer, readWrites} from './pipeline-records.js'
import {
  deleteResponse,
  encodeDelete,
  encodePut,
  failureOf,
  getResponse,
  putResponse,
} from './requests.js'
import type {CommandResult} from './state.js'

/** Operations outstanding on one stream beyond which it is not read. */
export const PIPELINE_OUTSTANDING_MAX = 4096
/** Likewise bytes of their keys and values. */
export const PIPELINE_OUTSTANDING_BYTES_MAX = 16 * 1024 * 1024
/** Operations in one message beyond which the stream is refused. */
export const PIPELINE_MESSAGE_OPERATIONS_MAX = 16_384
const RESPONSE_BYTES = 512 * 1024

type Call = ServerDuplexStream<PipelineRequest, PipelineResponse>
type Outcome = PipelineResult['result']

interface Outstanding {
  readonly id: bigint
  readonly bytes: number
}

interface Ready extends Outstanding {
  /** Reads are made when they are written, so that values wait in the store, not in a queue. */
  readonly outcome: () => Outcome
}

/** A write that came as bytes: answered as bytes, unless it fails. */
class Write implements ProposalWaiter {
  readonly id: number
  readonly bytes: number
  readonly #pipeline: Pipeline

  constructor(pipeline: Pipeline, id: number, bytes: number) {
    this.#pipeline = pipeline
    this.id = id
    this.bytes = bytes
  }

  applied(_index: LogIndex, _term: Term, result: ApplyResult): void {
    this.#pipeline.written(this, result as CommandResult)
  }

  failed(error: unknown): void {
    this.#pipeline.writeFailed(this, error)
  }
}

export function servePipeline(node: KeyValueNode, call: Call): void {
  const pipeline = new Pipeline(node, call)
  call.on('data', (message: PipelineRequest) => pipeline.receive(message))
  call.on('end', () => pipeline.end())
  call.on('drain', () => pipeline.write())
  for (const event of ['error', 'cancelled', 'close']) call.on(event, () => pipeline.close())
}

class Pipeline {
  readonly #node: KeyValueNode
  readonly #call: Call
  #ready: Ready[] = []
  #answers: PipelineAnswer[] = []
  /** Of the writes that they answer. */
  #answeredBytes = 0
  #outstanding = 0
  #outstandingBytes = 0
  #writeScheduled = false
  #blocked = false
  #ended = false
  #closed = false

  constructor(node: KeyValueNode, call: Call) {
    this.#node = node
    this.#call = call
  }

  receive({operations, writes}: PipelineRequest): void {
    if (this.#closed) return
    const writeCount = countWrites(writes)
    if (writeCount === undefined) {
      this.#refuse(new RaftctlError('RAFTCTL_USAGE', 'the writes of a message can not be read'))
      return
    }
    const count = operations.length + writeCount
    if (count > PIPELINE_MESSAGE_OPERATIONS_MAX) {
      const hint = `Send at most ${PIPELINE_MESSAGE_OPERATIONS_MAX} in one message.`
      this.#refuse(
        new RaftctlError('RAFTCTL_TOO_LARGE', `a message of ${count} operations`, {hint}),
      )
      return
    }
    readWrites(writes, (id, data) => this.#startWrite(id, data))
    const reads: {at: Outstanding; key: Uint8Array}[] = []
    for (const operation of operations) this.#start(operation, reads)
    if (reads.length > 0) this.#read(reads)
    if (this.#isFull()) this.#call.pause()
  }

  /** The client sends no more; the stream ends after the last answer. */
  end(): void {
    this.#ended = true
    this.#maybeEnd()
  }

  /** Nobody listens any more. What was proposed goes its way. */
  close(): void {
    this.#closed = true
    this.#ready = []
    this.#answers = []
  }

  written(write: Write, result: CommandResult): void {
    const {kind} = result
    if (kind !== 'put' && kind !== 'delete') {
      this.writeFailed(write, failureOf(result))
      return
    }
    if (this.#closed) return
    this.#answers.push({id: write.id, result})
    this.#answeredBytes += write.bytes
    this.#scheduleWrite()
  }

  writeFailed({id, bytes}: Write, error: unknown): void {
    this.#fail({id: BigInt(id), bytes}, error)
  }

  /** Writes what is ready, until the client must read first. */
  write(): void {
    this.#blocked = false
    if (this.#answers.length > 0 && !this.#closed) {
      this.#blocked = !this.#call.write({results: [], answers: encodeAnswers(this.#answers)})
      this.#outstanding -= this.#answers.length
      this.#outstandingBytes -= this.#answeredBytes
      this.#answers = []
      this.#answeredBytes = 0
    }
    let written = 0
    while (written < this.#ready.length && !this.#blocked && !this.#closed) {
      const results: PipelineResult[] = []
      for (let bytes = 0; written < this.#ready.length && bytes < RESPONSE_BYTES; written++) {
        const {id, bytes: requestBytes, outcome} = this.#ready[written]!
        const result = outcome()
        results.push({id, result})
        bytes += result?.$case === 'get' ? result.value.value.length + 32 : 32
        this.#outstanding--
        this.#outstandingBytes -= requestBytes
      }
      this.#blocked = !this.#call.write({results, answers: NO_ANSWERS})
    }
    if (this.#closed) return
    this.#ready = this.#ready.slice(written)
    if (this.#call.isPaused() && !this.#isFull() && !this.#blocked) this.#call.resume()
    this.#maybeEnd()
  }

  #startWrite(id: number, data: Uint8Array): void {
    const write = new Write(this, id, data.length)
    this.#outstanding++
    this.#outstandingBytes += data.length
    const command = decodeCommand(data)
    if (command.op === 'put' || command.op === 'delete') this.#node.submit(data, write)
    else write.failed(notAWrite(command.op === 'malformed' ? command.reason : command.op))
  }

  #start({id, operation}: PipelineOperation, reads: {at: Outstanding; key: Uint8Array}[]): void {
    const at = {id, bytes: bytesOf(operation)}
    this.#outstanding++
    this.#outstandingBytes += at.bytes
    switch (operation?.$case) {
      case 'put':
        this.#settle(at, this.#put(operation.value))
        break
      case 'delete':
        this.#settle(at, this.#delete(operation.value))
        break
      case 'get': {
        const {key, stale} = operation.value
        if (stale) this.#finish(at, () => this.#get(key))
        else reads.push({at, key})
        break
      }
      default:
        this.#fail(at, new RaftctlError('RAFTCTL_USAGE', 'an operation that is none'))
    }
  }

  async #put(request: Parameters<typeof encodePut>[0]): Promise<Outcome> {
    const result = await this.#node.propose(encodePut(request))
    return {$case: 'put', value: putResponse(result)}
  }

  async #delete(request: Parameters<typeof encodeDelete>[0]): Promise<Outcome> {
    const result = await this.#node.propose(encodeDelete(request))
    return {$case: 'delete', value: deleteResponse(result)}
  }

  #get(key: Uint8Array): Outcome {
    try {
      checkKey(key)
      return {$case: 'get', value: getResponse(this.#node.state(), key)}
    } catch (error) {
      return this.#errorOutcome(error)
    }
  }

  /** One barrier for all reads of a message. */
  #read(reads: readonly {at: Outstanding; key: Uint8Array}[]): void {
    this.#node.readBarrier().then(
      () => {
        for (const {at, key} of reads) this.#finish(at, () => this.#get(key))
      },
      (error: unknown) => {
        for (const {at} of reads) this.#fail(at, error)
      },
    )
  }

  #settle(at: Outstanding, answer: Promise<Outcome>): void {
    answer.then(
      outcome => this.#finish(at, () => outcome),
      (error: unknown) => this.#fail(at, error),
    )
  }

  #fail(at: Outstanding, error: unknown): void {
    const outcome = this.#errorOutcome(error)
    this.#finish(at, () => outcome)
  }

  #finish(at: Outstanding, outcome: () => Outcome): void {
    if (this.#closed) return
    this.#ready.push({id: at.id, bytes: at.bytes, outcome})
    this.#scheduleWrite()
  }

  #scheduleWrite(): void {
    if (this.#writeScheduled) return
    this.#writeScheduled = true
    // What is applied together is answered together, in the same turn of the event loop.
    queueMicrotask(() => {
      this.#writeScheduled = false
      if (!this.#blocked && !this.#closed) this.write()
    })
  }

  #errorOutcome(error: unknown): Outcome {
    const failure = this.#node.failure(error)
    const known =
      failure instanceof RaftctlError
        ? failure
        : new RaftctlError('RAFTCTL_UNEXPECTED', String(failure))
    const {code, message, hint, leader} = known
    return {
      $case: 'error',
      value: {code, message, hint: hint ?? '', leaderAddress: leader ?? ''},
    }
  }

  #isFull(): boolean {
    return (
      this.#outstanding >= PIPELINE_OUTSTANDING_MAX ||
      this.#outstandingBytes >= PIPELINE_OUTSTANDING_BYTES_MAX
    )
  }

  #maybeEnd(): void {
    if (this.#ended && this.#outstanding === 0 && !this.#closed) this.#call.end()
  }

  #refuse(error: RaftctlError): void {
    this.#call.emit('error', toServiceError(error))
  }
}

const NO_ANSWERS = Buffer.alloc(0)

function notAWrite(why: string): RaftctlError {
  return new RaftctlError('RAFTCTL_USAGE', `no put and no delete: ${why}`)
}

function bytesOf(operation: PipelineOperation['operation']): number {
  if (operation === undefined) return 0
  const {key} = operation.value
  return key.length + (operation.$case === 'put' ? operation.value.value.length : 0)
}
