/**
 * Spans of a node, as lines of its log: one for each call, and one for each period in a role, within
 * which its Raft messages are told. Ids are those of W3C's trace context, so that a caller's trace
 * goes on here.
 *
 *   process ──▶ role period ──▶ messages
 *   traceparent, or none ──▶ call
 */
import {randomBytes} from 'node:crypto'
import type {Message} from '../raft/messages.js'
import type {LogSink} from './log.js'

/** A span as the fields of a log line. */
export interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string | undefined
}

export interface CallSpan {
  /** Once; `status` is gRPC's, `caller` whoever was recognised. */
  end(outcome: {readonly status: number; readonly caller: string | undefined}): void
}

export class Tracer {
  readonly #log: LogSink
  readonly #process = spanOf(undefined)
  #role: Span = spanOf(this.#process)
  #roleMs = performance.now()

  constructor(log: LogSink) {
    this.#log = log
  }

  /** A new role begins: the fields of its span, and how long the one before lasted. */
  roleChanged(): Span & {readonly lastedMs: number} {
    const nowMs = performance.now()
    const lastedMs = Math.round(nowMs - this.#roleMs)
    this.#role = spanOf(this.#process)
    this.#roleMs = nowMs
    return {...this.#role, lastedMs}
  }

  message(direction: 'sent' | 'received', message: Message): void {
    const {traceId, spanId} = this.#role
    this.#log('trace', direction, {...fieldsOf(message), traceId, spanId})
  }

  /** `traceparent`: as the caller sent it, if it did. */
  call(path: string, traceparent: string | undefined): CallSpan {
    const span = spanOf(parentOf(traceparent))
    const startMs = performance.now()
    return {
      end: ({status, caller}) => {
        const ms = Number((performance.now() - startMs).toFixed(3))
        this.#log('trace', 'call', {path, caller, status, ms, ...span})
      },
    }
  }
}

function spanOf(parent: Pick<Span, 'traceId' | 'spanId'> | undefined): Span {
  return {
    traceId: parent?.traceId ?? randomBytes(16).toString('hex'),
    spanId: randomBytes(8).toString('hex'),
    parentSpanId: parent?.spanId,
  }
}

/** undefined for anything that is not in the form of the recommendation. */
function parentOf(traceparent = ''): Pick<Span, 'traceId' | 'spanId'> | undefined {
  const match = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/.exec(traceparent)
  return match === null ? undefined : {traceId: match[1]!, spanId: match[2]!}
}

/** What entries and snapshots hold is data, and stays out of the log. */
function fieldsOf(message: Message): Record<string, unknown> {
  const {groupId: _, kind, ...rest} = message
  const fields = {message: kind, ...rest}
  if (message.kind === 'append-entries') return {...fields, entries: message.entries.length}
  if (message.kind !== 'install-snapshot') return fields
  const {index, term} = message.snapshot
  return {...fields, snapshot: {index, term}}
}
