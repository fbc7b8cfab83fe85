/**
 * Handlers as plain async functions: what they throw becomes the call's status, and nothing that
 * happens to a stream gets past them.
 */
import type * as grpc from '@grpc/grpc-js'
import {RaftctlError} from '../errors.js'
import {type LogSink, NO_LOG} from './log.js'
import {MessageReader} from './message-reader.js'
import {toServiceError} from './status.js'

/** A service and what answers its calls; the handlers may fail with a RaftctlError. */
export interface ServiceEntry {
  readonly definition: grpc.ServiceDefinition
  readonly handlers: grpc.UntypedServiceImplementation
}

export function unary<Request, Response>(
  answer: (request: Request, call: grpc.ServerUnaryCall<Request, Response>) => Promise<Response>,
): grpc.handleUnaryCall<Request, Response> {
  return (call, callback) => {
    answer(call.request, call).then(
      response => callback(null, response),
      error => callback(toServiceError(error)),
    )
  }
}

/** The writing half of a call, for handlers that wait until each message has left. */
export interface ResponseStream<Response> {
  /** Resolves to false once the caller has gone: stop then. */
  write(response: Response): Promise<boolean>
  readonly ended: boolean
  /** Resolves when the caller has gone. */
  readonly gone: Promise<void>
}

export function serverStream<Request, Response>(
  answer: (request: Request, stream: ResponseStream<Response>) => Promise<void>,
): grpc.handleServerStreamingCall<Request, Response> {
  return call => {
    answer(call.request, responseStream(call)).then(
      () => call.end(),
      error => call.emit('error', toServiceError(error)),
    )
  }
}

export function clientStream<Request, Response>(
  answer: (messages: MessageReader<Request>) => Promise<Response>,
): grpc.handleClientStreamingCall<Request, Response> {
  return (call, callback) => {
    answer(new MessageReader<Request>(call)).then(
      response => callback(null, response),
      error => {
        callback(toServiceError(error))
        // What is still on its way is nobody's.
        call.resume()
      },
    )
  }
}

interface WritableCall<Response> {
  readonly cancelled: boolean
  write(response: Response, callback: (error?: Error | null) => void): boolean
  once(event: string, listener: () => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
}

export function responseStream<Response>(call: WritableCall<Response>): ResponseStream<Response> {
  let ended = false
  let leave = () => {}
  const gone = new Promise<void>(resolve => {
    leave = resolve
  })
  const end = () => {
    ended = true
    leave()
  }
  call.once('cancelled', end)
  call.once('close', end)
  call.on('error', end)

  return {
    gone,
    get ended() {
      return ended || call.cancelled
    },
    write(response) {
      if (ended || call.cancelled) return Promise.resolve(false)
      // The callback comes when the transport has taken the message, that is when the reader keeps
      // up; for a caller that has gone it may never come.
      const taken = new Promise<boolean>(resolve => {
        call.write(response, error => resolve(!error))
      })
      return Promise.race([taken, gone.then(() => false)])
    },
  }
}

/**
 * Makes a service's failures travel whole, whoever wrote it: RaftctlErrors and defects alike are
 * translated where they leave, and a handler that throws fails its call, not the node.
 */
export function guarded(entry: ServiceEntry, log: LogSink = NO_LOG): ServiceEntry {
  const handlers: grpc.UntypedServiceImplementation = {}
  for (const [name, method] of Object.entries(entry.definition)) {
    const handler = entry.handlers[name] as Handler | undefined
    if (handler === undefined) continue
    handlers[name] = method.responseStream
      ? guardStream(handler, method, log)
      : guardUnary(handler, method, log)
  }
  return {definition: entry.definition, handlers}
}

type Method = grpc.MethodDefinition<unknown, unknown>
type Handler = (call: AnyCall, callback?: Callback) => unknown
type Callback = (error: unknown, ...rest: unknown[]) => void
interface AnyCall {
  emit(event: string | symbol, ...args: unknown[]): boolean
  on(event: string, listener: (error: Error) => void): unknown
}

function guardUnary(handler: Handler, method: Method, log: LogSink): grpc.UntypedHandleCall {
  const guardedHandler = (call: AnyCall, callback: Callback) => {
    let answered = false
    const answer: Callback = (error, ...rest) => {
      if (answered) return
      answered = true
      if (error) callback(translated(error, method, log))
      else callback(null, ...rest)
    }
    // A call whose request breaks off emits an error: its status is sent already.
    if (method.requestStream) call.on('error', () => {})
    attempt(
      () => handler(call, answer),
      error => answer(error),
    )
  }
  return guardedHandler as grpc.UntypedHandleCall
}

function guardStream(handler: Handler, method: Method, log: LogSink): grpc.UntypedHandleCall {
  const guardedHandler = (call: AnyCall) => {
    const emit = call.emit.bind(call)
    call.emit = (event, ...args) =>
      event === 'error' ? emit('error', translated(args[0], method, log)) : emit(event, ...args)
    attempt(
      () => handler(call),
      error => call.emit('error', error),
    )
  }
  return guardedHandler as grpc.UntypedHandleCall
}

function attempt(run: () => unknown, failed: (error: unknown) => void): void {
  try {
    const result = run()
    if (result instanceof Promise) result.catch(failed)
  } catch (error) {
    failed(error)
  }
}

function translated(error: unknown, method: Method, log: LogSink): grpc.ServiceError {
  if (isServiceError(error)) return error
  if (!(error instanceof RaftctlError)) {
    const stack = error instanceof Error ? error.stack : String(error)
    log('error', 'a call failed unexpectedly', {call: method.path, stack})
  }
  return toServiceError(error)
}

function isServiceError(error: unknown): error is grpc.ServiceError {
  return (
    typeof error === 'object' &&
    error !== null &&
    typeof (error as Partial<grpc.ServiceError>).code === 'number'
  )
}
