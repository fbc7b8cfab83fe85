/**
 * What stands before gRPC on the port of a node.
 *
 *   accepted ──▶ unproven ──plain text──────────────▶ gRPC ──first accepted call──▶ proven
 *                   │  └──TLS: handshake──▶ certificate ─┘
 *                   └── too many: the oldest is cut; too long: cut
 *
 * Strangers can hold a bounded number of connections for a bounded time, and never the place of
 * somebody who has shown who they are.
 */
import {createServer as createHttp2Server} from 'node:http2'
import type {Socket} from 'node:net'
import {createServer as createTlsServer, type TLSSocket} from 'node:tls'
import {RaftctlError} from '../errors.js'
import {type Connection, certificateOf, connectionKey} from './access/connection.js'
import {HANDSHAKE_MS_MAX, UNPROVEN_CONNECTIONS_MAX, UNPROVEN_MS_MAX} from './limits.js'
import type {LogSink} from './log.js'
import {toServiceError} from './status.js'
import {contextOf, type TlsMaterial} from './tls.js'

const SWEEP_MS = 1000
const TLS_HANDSHAKE_RECORD = 0x16

export interface FrontDoorOptions {
  /** undefined: plain text. */
  readonly tls: TlsMaterial | undefined
  readonly log: LogSink
  /** Milliseconds that a connection may last without an accepted call. */
  readonly unprovenMs?: number
}

export class FrontDoor {
  /** By their two ends. */
  readonly connections = new Map<string, Connection>()
  readonly #sockets = new Set<Socket>()
  /** The oldest first, with the time it came. */
  readonly #unproven = new Map<Socket, number>()
  readonly #log: LogSink
  readonly #unprovenMs: number
  readonly #sweep: NodeJS.Timeout
  readonly #tls: ReturnType<typeof createTlsServer> | undefined
  readonly #plainTextAnswer = answerPlainText()
  #waiting: Socket[] | undefined = []
  #serve: (socket: Socket) => void = () => {}
  #quietUntil = 0

  constructor({tls, log, unprovenMs = UNPROVEN_MS_MAX}: FrontDoorOptions) {
    this.#log = log
    this.#unprovenMs = unprovenMs
    this.#tls = tls === undefined ? undefined : this.#tlsServer(tls)
    this.#sweep = setInterval(() => this.#cutLate(), SWEEP_MS)
    this.#sweep.unref()
  }

  admit(socket: Socket): void {
    this.#sockets.add(socket)
    this.#unproven.set(socket, performance.now())
    const key = connectionKey(socket)
    const connection: Connection = {
      certificate: undefined,
      accepted: undefined,
      refusedCalls: 0,
      prove: () => this.#unproven.delete(socket),
      cut: () => socket.destroy(),
    }
    this.connections.set(key, connection)
    socket.on('error', () => {})
    socket.once('close', () => {
      this.#sockets.delete(socket)
      this.#unproven.delete(socket)
      if (this.connections.get(key) === connection) this.connections.delete(key)
    })
    if (this.#unproven.size > UNPROVEN_CONNECTIONS_MAX) this.#cutOldest()
    if (this.#waiting !== undefined) this.#waiting.push(socket)
    else this.#enter(socket)
  }

  /** From now on connections are handed on; those that came before, too. */
  open(serve: (socket: Socket) => void): void {
    this.#serve = serve
    const waiting = this.#waiting ?? []
    this.#waiting = undefined
    for (const socket of waiting) if (!socket.destroyed) this.#enter(socket)
  }

  /** For connections made from now on. */
  renew(tls: TlsMaterial): void {
    this.#tls?.setSecureContext(contextOf(tls))
  }

  close(): void {
    clearInterval(this.#sweep)
    for (const socket of this.#sockets) socket.destroy()
  }

  #enter(socket: Socket): void {
    const tls = this.#tls
    if (tls === undefined) {
      this.#serve(socket)
      return
    }
    // The first byte tells TLS from what forgot about it and deserves an answer.
    socket.once('data', (first: Buffer) => {
      socket.pause()
      socket.unshift(first)
      if (first[0] === TLS_HANDSHAKE_RECORD) tls.emit('connection', socket)
      else this.#plainTextAnswer.emit('connection', socket)
    })
  }

  #tlsServer(tls: TlsMaterial): ReturnType<typeof createTlsServer> {
    const server = createTlsServer({
      ...contextOf(tls),
      ALPNProtocols: ['h2'],
      // Whether it is to be trusted is decided at each call, where the reason can be told.
      requestCert: true,
      rejectUnauthorized: false,
      handshakeTimeout: HANDSHAKE_MS_MAX,
    })
    server.on('secureConnection', (socket: TLSSocket) => {
      socket.on('error', () => {})
      const connection = this.connections.get(connectionKey(socket))
      if (connection === undefined) {
        socket.destroy()
        return
      }
      connection.certificate = certificateOf(socket)
      this.#serve(socket)
    })
    server.on('tlsClientError', (error, socket) => {
      this.#note('a TLS handshake failed', {why: error.message, from: socket.remoteAddress})
      socket.destroy()
    })
    return server
  }

  #cutOldest(): void {
    const [oldest] = this.#unproven.keys()
    if (oldest === undefined) return
    this.#note('too many connections that made no call', {from: oldest.remoteAddress})
    this.#unproven.delete(oldest)
    oldest.destroy()
  }

  #cutLate(): void {
    const limit = performance.now() - this.#unprovenMs
    for (const [socket, since] of this.#unproven) {
      if (since > limit) return
      socket.destroy()
    }
  }

  /** Whoever knocks often must not fill the log: one line a second. */
  #note(event: string, fields: Record<string, unknown>): void {
    const now = performance.now()
    if (now < this.#quietUntil) return
    this.#quietUntil = now + 1000
    this.#log('warn', event, fields)
  }
}

/** Says in plain text to gRPC in plain text that it is TLS which is spoken here. */
function answerPlainText(): ReturnType<typeof createHttp2Server> {
  const server = createHttp2Server({settings: {maxConcurrentStreams: 8}})
  server.on('sessionError', () => {})
  server.on('session', session => session.on('error', () => {}))
  server.on('stream', stream => {
    stream.on('error', () => {})
    const {code, details, metadata} = toServiceError(speaksTls())
    stream.respond(
      {
        ':status': 200,
        'content-type': 'application/grpc+proto',
        'grpc-status': code,
        'grpc-message': encodeURI(details),
        ...metadata.toHttp2Headers(),
      },
      {endStream: true},
    )
    stream.resume()
  })
  return server
}

function speaksTls(): RaftctlError {
  return new RaftctlError(
    'RAFTCTL_NOT_TRUSTED',
    'this node speaks TLS only, and was spoken to in plain text',
    {
      hint: 'Give --tls-ca with the certificate of the authority.',
      details: {reason: 'plain-text'},
    },
  )
}
