/**
 * The port that scrapers ask over HTTP, beside the one of gRPC: GET /metrics for whoever holds the
 * role monitor, GET /healthz for everybody, nothing else.
 */
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http'
import {createServer as createHttpsServer, type Server as HttpsServer} from 'node:https'
import type {Socket} from 'node:net'
import {TLSSocket} from 'node:tls'
import {RaftctlError} from '../../errors.js'
import {type Connection, certificateOf} from '../access/connection.js'
import {type Access, identify} from '../access/gate.js'
import {refuseUnlessAllowed} from '../access/roles.js'
import {formatAddress} from '../address.js'
import {
  HANDSHAKE_MS_MAX,
  HEADER_BYTES_MAX,
  METRICS_CONNECTIONS_MAX,
  METRICS_REQUEST_MS_MAX,
  METRICS_UNPROVEN_CONNECTIONS_MAX,
} from '../limits.js'
import {listen} from '../listen.js'
import type {LogSink} from '../log.js'
import {contextOf, type TlsMaterial} from '../tls.js'
import {CONTENT_TYPE} from './exposition.js'

/** The same figures, so the same role. */
const METHOD = '/raftctl.v1.MetricsService/Watch'

/** Longer than between two scrapes. */
const KEEP_ALIVE_MS = 90_000
const LOOK_MS = 1000

export interface MetricsPortOptions {
  /** HOST:PORT; port 0 takes a free one. */
  readonly listen: string
  readonly access: Access
  /** Without: plain text. */
  readonly tls: TlsMaterial | undefined
  readonly log: LogSink
  readonly metrics: () => string
  /** Why the node can't serve; undefined: it can. */
  readonly ill: () => string | undefined
}

export interface MetricsPort {
  /** HOST:PORT that is listened on, the port a real one. */
  readonly address: string
  /** Other certificates, for connections made from now on. */
  renew(tls: TlsMaterial): void
  stop(): Promise<void>
}

/** RAFTCTL_USAGE, RAFTCTL_PORT_IN_USE, RAFTCTL_INPUT_OUTPUT. */
export async function bindMetricsPort(options: MetricsPortOptions): Promise<MetricsPort> {
  const {tls, log} = options
  const known = new Connections()
  const server = serverFor(tls, (request, response) => answer(options, known, request, response))
  server.maxConnections = METRICS_CONNECTIONS_MAX
  server.on(tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
    known.admit(socket)
  })
  server.on('clientError', (_, socket) => socket.destroy())
  server.on('tlsClientError', (_, socket) => socket.destroy())
  const {host, port} = await listen(server, options.listen, '--metrics-listen')
  server.on('error', error => log('error', 'the metrics socket failed', {error: error.message}))
  return {
    address: formatAddress(host, port),
    renew(now) {
      if (isHttps(server)) server.setSecureContext(contextOf(now))
    },
    stop: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function serverFor(
  tls: TlsMaterial | undefined,
  answers: (request: IncomingMessage, response: ServerResponse) => void,
): Server | HttpsServer {
  const bounds: ServerOptions & {connectionsCheckingInterval: number} = {
    maxHeaderSize: HEADER_BYTES_MAX,
    headersTimeout: METRICS_REQUEST_MS_MAX,
    requestTimeout: METRICS_REQUEST_MS_MAX,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: LOOK_MS,
  }
  if (tls === undefined) return createHttpServer(bounds, answers)
  return createHttpsServer(
    {
      ...bounds,
      ...contextOf(tls),
      // Whether it is to be trusted is decided at each request, where the reason can be told.
      requestCert: true,
      rejectUnauthorized: false,
      handshakeTimeout: HANDSHAKE_MS_MAX,
    },
    answers,
  )
}

function isHttps(server: Server | HttpsServer): server is HttpsServer {
  return 'setSecureContext' in server
}

function answer(
  options: MetricsPortOptions,
  known: Connections,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const path = request.url?.split('?', 1)[0]
  response.setHeader('content-type', 'text/plain; charset=utf-8')
  response.setHeader('cache-control', 'no-store')
  if (path !== '/metrics' && path !== '/healthz') {
    refuse(response, 404, 'there are /metrics and /healthz only')
  } else if (request.method !== 'GET') {
    response.setHeader('allow', 'GET')
    refuse(response, 405, 'GET only')
  } else if (path === '/healthz') {
    const why = options.ill()
    response.statusCode = why === undefined ? 200 : 503
    response.end(`${why ?? 'ok'}\n`)
  } else answerMetrics(options, known.of(request.socket), request, response)
}

function answerMetrics(
  {access, metrics}: MetricsPortOptions,
  connection: Connection | undefined,
  {headers: {authorization}}: IncomingMessage,
  response: ServerResponse,
): void {
  try {
    const shown = authorization === undefined ? [] : [authorization]
    refuseUnlessAllowed(METHOD, identify(access, connection, shown))
  } catch (error) {
    if (!(error instanceof RaftctlError)) throw error
    const isUnknown = error.code === 'RAFTCTL_NOT_AUTHENTICATED'
    if (isUnknown) response.setHeader('www-authenticate', 'Bearer')
    refuse(response, isUnknown ? 401 : 403, error.message)
    return
  }
  connection?.prove()
  response.setHeader('content-type', CONTENT_TYPE)
  response.end(metrics())
}

/** Whoever was refused makes room for others. */
function refuse(response: ServerResponse, status: number, why: string): void {
  response.statusCode = status
  response.setHeader('connection', 'close')
  response.end(`${why}\n`)
}

/** Strangers compete with strangers for places, never with those who have shown who they are. */
class Connections {
  readonly #all = new WeakMap<Socket, Connection>()
  /** The oldest first. */
  readonly #unproven = new Set<Socket>()

  of(socket: Socket): Connection | undefined {
    return this.#all.get(socket)
  }

  admit(socket: Socket): void {
    this.#unproven.add(socket)
    this.#all.set(socket, {
      certificate: socket instanceof TLSSocket ? certificateOf(socket) : undefined,
      accepted: undefined,
      refusedCalls: 0,
      prove: () => this.#unproven.delete(socket),
      cut: () => socket.destroy(),
    })
    socket.on('error', () => {})
    socket.once('close', () => this.#unproven.delete(socket))
    if (this.#unproven.size > METRICS_UNPROVEN_CONNECTIONS_MAX) {
      const [oldest] = this.#unproven
      this.#unproven.delete(oldest!)
      oldest!.destroy()
    }
  }
}
