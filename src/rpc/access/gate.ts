/**
 * The one place where a call is let in or refused, before anything of its message is read.
 *
 *   headers ──▶ which connection ──▶ who: token, certificate ──▶ may they ──▶ first message in time
 */
import * as grpc from '@grpc/grpc-js'
import {RaftctlError} from '../../errors.js'
import {FIRST_MESSAGE_MS_MAX, HEADER_BYTES_MAX, REFUSED_CALLS_MAX} from '../limits.js'
import {type LogSink, NO_LOG} from '../log.js'
import {toServiceError} from '../status.js'
import type {CallSpan, Tracer} from '../tracer.js'
import {type Connection, connectionKey} from './connection.js'
import {type Caller, isOpenToAll, refuseUnlessAllowed} from './roles.js'
import {callerOf, type Tokens} from './token-file.js'

/** Whom a node listens to. */
export interface Access {
  /** `open`: everybody may do everything; only for a port that nobody else can reach. */
  readonly kind: 'open' | 'guarded'
  /** As they are now; undefined: certificates only. A new state is another object. */
  tokens(): Tokens | undefined
  /** Calls back after the tokens have changed. */
  onChange(listener: () => void): void
}

export const OPEN_ACCESS: Access = {kind: 'open', tokens: () => undefined, onChange: () => {}}

const ANYBODY: Caller = {name: 'anybody', roles: ['admin', 'peer']}

/** An accepted call that goes on: ended when what let it in holds no longer. */
interface LongCall {
  stillAllowed(): void
  end(error: RaftctlError): void
}

export function gate(
  access: Access,
  connections: ReadonlyMap<string, Connection>,
  {log = NO_LOG, tracer}: {readonly log?: LogSink; readonly tracer?: Tracer | undefined} = {},
): grpc.ServerInterceptor {
  const long = new Set<LongCall>()
  access.onChange(() => {
    for (const call of long) {
      const refusal = refusalOf(() => call.stillAllowed())
      if (refusal !== undefined) call.end(refusal)
    }
  })

  return (method, call) => {
    const {path, requestStream, responseStream} = method
    let timer: NodeJS.Timeout | undefined
    let mine: LongCall | undefined
    let span: CallSpan | undefined
    let caller: string | undefined
    const ended = (status: number) => {
      span?.end({status, caller})
      span = undefined
    }
    const over = () => {
      clearTimeout(timer)
      if (mine !== undefined) long.delete(mine)
    }
    const end = (error: RaftctlError) => {
      over()
      const status = toServiceError(error)
      ended(status.code)
      call.sendStatus(status)
    }
    const admitted = (metadata: grpc.Metadata): boolean => {
      const connection = connections.get(connectionKey(call.getConnectionInfo()))
      const shown = metadata.get('authorization').map(String)
      const check = () => {
        const known = identify(access, connection, shown)
        caller = known.name
        refuseUnlessAllowed(path, known)
      }
      const refusal = refusalOf(() => {
        refuseLongHeaders(metadata)
        if (!isOpenToAll(path)) check()
      })
      if (refusal !== undefined) {
        log('debug', 'call-refused', {path, caller, code: refusal.code, why: refusal.message})
        end(refusal)
        if (connection !== undefined) countRefusal(connection)
        return false
      }
      if (!isOpenToAll(path)) connection?.prove()
      if (requestStream || responseStream) {
        mine = {stillAllowed: isOpenToAll(path) ? () => {} : check, end}
        long.add(mine)
      }
      return true
    }
    return new grpc.ServerInterceptingCall(call, {
      start: next =>
        next({
          onReceiveMetadata(metadata, proceed) {
            span = tracer?.call(path, metadata.get('traceparent').map(String)[0])
            if (!admitted(metadata)) return
            timer = setTimeout(() => end(tooSlow()), FIRST_MESSAGE_MS_MAX)
            // Not further in: a handler has no business with it, and can't let it slip.
            metadata.remove('authorization')
            proceed(metadata)
          },
          onReceiveMessage(message, proceed) {
            clearTimeout(timer)
            proceed(message)
          },
          onReceiveHalfClose(proceed) {
            clearTimeout(timer)
            proceed()
          },
          onCancel() {
            over()
            ended(grpc.status.CANCELLED)
          },
        }),
      sendStatus(status, next) {
        over()
        ended(status.code ?? grpc.status.UNKNOWN)
        next(status)
      },
    })
  }
}

/**
 * Who calls, by the `authorization` headers that were shown and the certificate of the connection.
 * RAFTCTL_NOT_AUTHENTICATED says what is missing or wrong, never what was sent.
 */
export function identify(
  access: Access,
  connection: Connection | undefined,
  shown: readonly string[],
): Caller {
  if (access.kind === 'open') return ANYBODY
  if (connection === undefined) throw unauthenticated('the connection is not known any more')
  const byToken = tokenCaller(access, connection, shown)
  const {certificate} = connection
  if (certificate?.kind === 'trusted' && certificate.validToMs >= Date.now()) {
    if (byToken === undefined) return certificate.caller
    return {name: byToken.name, roles: [...byToken.roles, ...certificate.caller.roles]}
  }
  if (byToken !== undefined) return byToken
  if (certificate?.kind === 'trusted') {
    throw unauthenticated('the certificate of the client has expired', 'certificate')
  }
  if (certificate?.kind === 'refused') throw unauthenticated(certificate.reason, 'certificate')
  throw unauthenticated('no token and no client certificate came with the call', 'missing')
}

/** undefined where no token came; a wrong one is refused, whatever the certificate says. */
function tokenCaller(
  access: Access,
  connection: Connection,
  [authorization, ...more]: readonly string[],
): Caller | undefined {
  if (authorization === undefined) return undefined
  const tokens = access.tokens()
  const {accepted} = connection
  // What was accepted on this connection before need not be hashed again.
  if (accepted?.authorization === authorization && accepted.tokens === tokens) {
    return accepted.caller
  }
  if (tokens === undefined) {
    throw unauthenticated('this node takes no tokens, only client certificates', 'token')
  }
  const token = /^bearer +(?<token>\S+)$/i.exec(authorization)?.groups?.token
  if (more.length > 0 || token === undefined) {
    throw unauthenticated('the authorization is not of the form "Bearer TOKEN"', 'token')
  }
  const caller = callerOf(token, tokens)
  if (caller === undefined) throw unauthenticated('this node does not know the token', 'token')
  connection.accepted = {authorization, tokens, caller}
  return caller
}

function refuseLongHeaders(metadata: grpc.Metadata): void {
  let bytes = 0
  for (const [name, value] of Object.entries(metadata.getMap())) bytes += name.length + value.length
  if (bytes <= HEADER_BYTES_MAX) return
  throw new RaftctlError('RAFTCTL_TOO_LARGE', `the headers of the call have ${bytes} bytes`, {
    hint: `Send at most ${HEADER_BYTES_MAX}.`,
  })
}

function countRefusal(connection: Connection): void {
  connection.refusedCalls += 1
  // Not at once: the refusal is still to be sent.
  if (connection.refusedCalls === REFUSED_CALLS_MAX) setImmediate(() => connection.cut())
}

function unauthenticated(why: string, reason = 'unknown'): RaftctlError {
  return new RaftctlError('RAFTCTL_NOT_AUTHENTICATED', `not let in: ${why}`, {
    hint: 'Use the context of the cluster, --token-file FILE, or --tls-cert and --tls-key.',
    details: {reason},
  })
}

function tooSlow(): RaftctlError {
  const text = `no message came within ${FIRST_MESSAGE_MS_MAX} ms`
  return new RaftctlError('RAFTCTL_TIMED_OUT', text)
}

function refusalOf(run: () => void): RaftctlError | undefined {
  try {
    run()
    return undefined
  } catch (error) {
    if (error instanceof RaftctlError) return error
    throw error
  }
}
