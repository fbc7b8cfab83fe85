/**
 * One Pipeline stream: many callers' operations, each answered on its own.
 *
 *   message ──▶ outstanding ──applied, or barrier passed──▶ ready ──end of the turn──▶ written
 *
 * An operation is outstanding from its arrival until its answer is written. Beyond a bound, or while
 * the client does not read its answers, nothing more is read from it.
 */
import type {ServerDuplexStream} from '@grpc/grpc-js'
import {RaftctlError} from '../errors.js'
import type {
  PipelineOperation,
  PipelineRequest,
  PipelineResponse,
  PipelineResult,
} from '../rpc/gen/raftctl/v1/kv.js'
import {toServiceError} from '../rpc/status.js'
import {checkKey} from './command.js'
import type {KeyValueNode} from './key-value-node.js'
import {deleteResponse, encodeDelete, encodePut, getResponse, putResponse} from './requests.js'

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

  receive({operations}: PipelineRequest): void {
    if (this.#closed) return
    if (operations.length > PIPELINE_MESSAGE_OPERATIONS_MAX) {
      this.#refuse(operations.length)
      return
    }
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
  }

  /** Writes what is ready, until the client must read first. */
  write(): void {
    this.#blocked = false
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
      this.#blocked = !this.#call.write({results})
    }
    if (this.#closed) return
    this.#ready = this.#ready.slice(written)
    if (this.#call.isPaused() && !this.#isFull() && !this.#blocked) this.#call.resume()
    this.#maybeEnd()
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
    this.#ready.push({...at, outcome})
    if (this.#writeScheduled) return
    this.#writeScheduled = true
    setImmediate(() => {
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

  #refuse(count: number): void {
    const error = new RaftctlError('RAFTCTL_TOO_LARGE', `a message of ${count} operations`, {
      hint: `Send at most ${PIPELINE_MESSAGE_OPERATIONS_MAX} in one message.`,
    })
    this.#call.emit('error', toServiceError(error))
  }
}

function bytesOf(operation: PipelineOperation['operation']): number {
  if (operation === undefined) return 0
  const {key} = operation.value
  return key.length + (operation.$case === 'put' ? operation.value.value.length : 0)
}
