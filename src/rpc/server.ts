/**
 * The one port of a node, for peers and clients. Binding and serving are two steps, because a node's
 * services need its address and the address may be a free port: connections made in between wait.
 */
import {createServer, type Server as NetServer} from 'node:net'
import * as grpc from '@grpc/grpc-js'
import {type Access, gate, OPEN_ACCESS} from './access/gate.js'
import {isKnownMethod} from './access/roles.js'
import {formatAddress} from './address.js'
import {FrontDoor} from './front-door.js'
import {guarded, type ServiceEntry} from './handler.js'
import {
  CONNECTIONS_MAX,
  FRAME_BYTES_MAX,
  KEEPALIVE_ANSWER_MS,
  KEEPALIVE_MS,
  STREAMS_MAX,
} from './limits.js'
import {listen} from './listen.js'
import {type LogSink, NO_LOG} from './log.js'
import {reflectionServices} from './service/reflection-service.js'
import type {TlsMaterial} from './tls.js'
import type {Tracer} from './tracer.js'

export interface ServerOptions {
  /** HOST:PORT; port 0 takes a free one. */
  readonly listen: string
  readonly log?: LogSink
  /** Told of each call. */
  readonly tracer?: Tracer | undefined
  /** Without: plain text. */
  readonly tls?: TlsMaterial | undefined
  /** Without: everybody may do everything. */
  readonly access?: Access
  /** How long a connection may last without an accepted call, milliseconds; for tests. */
  readonly unprovenMs?: number
  /** How long `stop` lets calls finish, milliseconds; default 1,000. */
  readonly graceMs?: number
}

export interface BoundServer {
  /** HOST:PORT that is listened on, the port a real one. */
  readonly address: string
  readonly port: number
  /** Open now. */
  readonly connectionCount: number
  /** Answers from now on. Once. */
  serve(services: readonly ServiceEntry[]): void
  /** Other certificates, for connections made from now on. */
  renew(tls: TlsMaterial): void
  /** Lets calls finish for a moment, then cuts them; resolves when the port is free. */
  stop(): Promise<void>
}

const GRACE_MS = 1000

const SERVER_OPTIONS: grpc.ServerOptions = {
  'grpc.max_receive_message_length': FRAME_BYTES_MAX,
  'grpc.max_concurrent_streams': STREAMS_MAX,
  'grpc.keepalive_time_ms': KEEPALIVE_MS,
  'grpc.keepalive_timeout_ms': KEEPALIVE_ANSWER_MS,
  'grpc.enable_channelz': 0,
}

/** RAFTCTL_USAGE, RAFTCTL_PORT_IN_USE, RAFTCTL_INPUT_OUTPUT. */
export async function bindServer(options: ServerOptions): Promise<BoundServer> {
  const {log = NO_LOG, graceMs = GRACE_MS, access = OPEN_ACCESS, tls, unprovenMs, tracer} = options
  const door = new FrontDoor({tls, log, unprovenMs})
  const acceptor = createServer({noDelay: true})
  acceptor.maxConnections = CONNECTIONS_MAX
  acceptor.on('connection', socket => door.admit(socket))
  const {host, port} = await listen(acceptor, options.listen, '--listen').catch(error => {
    door.close()
    throw error
  })
  acceptor.on('error', error => log('error', 'the listening socket failed', {error: error.message}))

  const interceptors = [gate(access, door.connections, {log, tracer})]
  const server = new grpc.Server({...SERVER_OPTIONS, interceptors})
  let stopped: Promise<void> | undefined
  return {
    address: formatAddress(host, port),
    port,
    get connectionCount() {
      return door.connections.size
    },
    serve(services) {
      for (const entry of [...services, ...reflectionServices(services)]) {
        const {definition, handlers} = guarded(entry, log)
        refuseUnknownMethods(definition)
        server.addService(definition, handlers)
      }
      // TLS ends at the door, where certificates can be renewed and refusals explained.
      const injector = server.createConnectionInjector(grpc.ServerCredentials.createInsecure())
      door.open(socket => injector.injectConnection(socket))
    },
    renew: tls => door.renew(tls),
    stop() {
      stopped ??= stop(acceptor, server, door, graceMs)
      return stopped
    },
  }
}

/** A method that nobody decided about is a defect, found at the first start. */
function refuseUnknownMethods(definition: grpc.ServiceDefinition): void {
  for (const {path} of Object.values(definition)) {
    if (!isKnownMethod(path)) throw new Error(`${path} has no row in src/rpc/access/roles.ts`)
  }
}

/** Streams that never end would hold a polite shutdown up for good. */
async function stop(
  acceptor: NetServer,
  server: grpc.Server,
  door: FrontDoor,
  graceMs: number,
): Promise<void> {
  const closed = new Promise<void>(resolve => acceptor.close(() => resolve()))
  let timer: NodeJS.Timeout | undefined
  await Promise.race([
    new Promise<void>(resolve => server.tryShutdown(() => resolve())),
    new Promise<void>(resolve => {
      timer = setTimeout(resolve, graceMs)
    }),
  ])
  clearTimeout(timer)
  server.forceShutdown()
  door.close()
  await closed
}
