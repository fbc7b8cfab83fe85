import {
  type CallOptions,
  type ClientReadableStream,
  type ClientUnaryCall,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js'
import {RaftctlError} from '../errors.js'
import {ERROR_METADATA_KEY, fromServiceError} from '../rpc/status.js'
import {interrupted, spell} from './deadline.js'

export interface CallTime {
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

/**
 * A call that failed. `answered`: the node itself said so, with a code of the error table; otherwise
 * the connection failed or time ran out, and the node may or may not have acted.
 */
export class CallFailure extends Error {
  override readonly name = 'CallFailure'
  readonly error: RaftctlError
  readonly answered: boolean

  constructor(error: RaftctlError, answered: boolean) {
    super(error.message, {cause: error})
    this.error = error
    this.answered = answered
  }
}

/** A method of a generated client, bound to it. */
export type UnaryMethod<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: Partial<CallOptions>,
  done: (error: ServiceError | null, response: Response) => void,
) => ClientUnaryCall

/** Rejects with a CallFailure, or with RAFTCTL_INTERRUPTED when the signal is aborted. */
export function unary<Request, Response>(
  address: string,
  method: UnaryMethod<Request, Response>,
  request: Request,
  {timeoutMs, signal}: CallTime,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(interrupted())
      return
    }
    const onAbort = () => {
      call.cancel()
      reject(interrupted())
    }
    const deadline = Date.now() + Math.max(1, timeoutMs)
    const call = method(request, new Metadata(), {deadline}, (error, response) => {
      signal?.removeEventListener('abort', onAbort)
      if (error) reject(failureOf(error, address))
      else resolve(response)
    })
    signal?.addEventListener('abort', onAbort, {once: true})
  })
}

/** For streams that go on for ever: a quiet node says so every second. */
export const SILENCE_MAX_MS = 4000

/**
 * The messages of a server's stream, read as fast as the caller takes them and no faster. Leaving
 * the loop cancels the remote call. `idleMs`: how long the next message may take.
 */
export async function* serverStream<Message>(
  address: string,
  {idleMs, signal}: {idleMs: number; signal?: AbortSignal | undefined},
  start: (metadata: Metadata) => ClientReadableStream<Message>,
): AsyncGenerator<Message, void, undefined> {
  if (signal?.aborted) throw interrupted()
  const stream = start(new Metadata())
  let idle = false
  // Cancelling makes the stream fail once more, when nobody listens any longer.
  stream.on('error', () => {})
  const onAbort = () => stream.cancel()
  signal?.addEventListener('abort', onAbort, {once: true})
  const messages = stream[Symbol.asyncIterator]()
  try {
    for (;;) {
      const timer = setTimeout(() => {
        idle = true
        stream.cancel()
      }, idleMs)
      const next = await messages.next().finally(() => clearTimeout(timer))
      if (next.done) return
      yield next.value as Message
    }
  } catch (error) {
    if (signal?.aborted) throw interrupted()
    if (idle) {
      const text = `${address} sent nothing for ${spell(idleMs)}`
      throw new CallFailure(new RaftctlError('RAFTCTL_TIMED_OUT', text), false)
    }
    throw isServiceError(error) ? failureOf(error, address) : error
  } finally {
    signal?.removeEventListener('abort', onAbort)
    stream.cancel()
  }
}

/** The error itself for people and exit statuses; anything else passes unchanged. */
export function unwrap(error: unknown): unknown {
  return error instanceof CallFailure ? error.error : error
}

export function failureOf(error: ServiceError, address: string): CallFailure {
  const told = (error.metadata?.get(ERROR_METADATA_KEY) ?? []).length > 0
  const read = fromServiceError(error, address)
  if (told) return new CallFailure(read, true)
  if (read.code !== 'RAFTCTL_INTERRUPTED') {
    return new CallFailure(read, read.details.reason === 'not-a-node')
  }
  // We did not cancel it: the node did, which it does when it goes down.
  const text = `can't reach ${address}: the call was cut`
  return new CallFailure(new RaftctlError('RAFTCTL_UNREACHABLE', text, {cause: error}), false)
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'details' in error
}
