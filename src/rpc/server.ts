/**
 * The one port of a node, for peers and clients. Binding and serving are two steps, because a node's
 * services need its address and the address may be a free port: connections made in between wait.
 */
import {createServer, type Server as NetServer, type Socket} from 'node:net'
import * as grpc from '@grpc/grpc-js'
import {RaftctlError} from '../errors.js'
import {formatAddress, parseAddress} from './address.js'
import {guarded, type ServiceEntry} from './handler.js'
import {FRAME_BYTES_MAX} from './limits.js'
import {type LogSink, NO_LOG} from './log.js'

export interface ServerOptions {
  /** HOST:PORT; port 0 takes a free one. */
  readonly listen: string
  readonly log?: LogSink
  /** Without: plain text. */
  readonly credentials?: grpc.ServerCredentials
  /** How long `stop` lets calls finish, milliseconds; default 1,000. */
  readonly graceMs?: number
}

export interface BoundServer {
  /** HOST:PORT that is listened on, the port a real one. */
  readonly address: string
  readonly port: number
  /** Answers from now on. Once. */
  serve(services: readonly ServiceEntry[]): void
  /** Lets calls finish for a moment, then cuts them; resolves when the port is free. */
  stop(): Promise<void>
}

const CONNECTIONS_MAX = 4096
const GRACE_MS = 1000

const SERVER_OPTIONS: grpc.ServerOptions = {
  'grpc.max_receive_message_length': FRAME_BYTES_MAX,
  'grpc.max_concurrent_streams': 1024,
  'grpc.keepalive_time_ms': 2000,
  'grpc.keepalive_timeout_ms': 3000,
  'grpc.enable_channelz': 0,
}

/** RAFTCTL_USAGE, RAFTCTL_PORT_IN_USE, RAFTCTL_INPUT_OUTPUT. */
export async function bindServer(options: ServerOptions): Promise<BoundServer> {
  const {log = NO_LOG, graceMs = GRACE_MS} = options
  const acceptor = createServer({noDelay: true})
  acceptor.maxConnections = CONNECTIONS_MAX
  const sockets = new Set<Socket>()
  let waiting: Socket[] | undefined = []
  let accept = (socket: Socket): void => {
    waiting?.push(socket)
  }
  acceptor.on('connection', socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
    accept(socket)
  })
  const {host, port} = await listen(acceptor, options.listen)
  acceptor.on('error', error => log('error', 'the listening socket failed', {error: error.message}))

  const server = new grpc.Server(SERVER_OPTIONS)
  let stopped: Promise<void> | undefined
  return {
    address: formatAddress(host, port),
    port,
    serve(services) {
      for (const entry of services) {
        const {definition, handlers} = guarded(entry, log)
        server.addService(definition, handlers)
      }
      const injector = server.createConnectionInjector(
        options.credentials ?? grpc.ServerCredentials.createInsecure(),
      )
      accept = socket => injector.injectConnection(socket)
      for (const socket of waiting ?? []) if (!socket.destroyed) accept(socket)
      waiting = undefined
    },
    stop() {
      stopped ??= stop(acceptor, server, sockets, graceMs)
      return stopped
    },
  }
}

function listen(acceptor: NetServer, address: string): Promise<{host: string; port: number}> {
  const parsed = parseAddress(address)
  if (parsed === undefined) {
    throw new RaftctlError('RAFTCTL_USAGE', `can't listen on "${address}": it is not HOST:PORT`, {
      hint: 'Write the address as HOST:PORT, such as 127.0.0.1:7400; port 0 takes a free one.',
    })
  }
  return new Promise((resolve, reject) => {
    acceptor.once('error', error => reject(listenError(error, address)))
    acceptor.listen({host: parsed.host, port: parsed.port, exclusive: true}, () => {
      acceptor.removeAllListeners('error')
      const bound = acceptor.address()
      const port = typeof bound === 'object' && bound !== null ? bound.port : parsed.port
      // The host as it was asked for: a name stays a name.
      resolve({host: parsed.host, port})
    })
  })
}

function listenError(error: NodeJS.ErrnoException, address: string): RaftctlError {
  if (error.code === 'EADDRINUSE') {
    return new RaftctlError('RAFTCTL_PORT_IN_USE', `another process listens on ${address}`, {
      hint: 'Choose another port, or stop that process; port 0 takes a free one.',
      cause: error,
    })
  }
  const why: Record<string, string> = {
    EADDRNOTAVAIL: 'this machine has no such address',
    EACCES: 'the port needs more rights',
    ENOTFOUND: 'the host name is not known',
  }
  const reason = why[error.code ?? ''] ?? error.message
  return new RaftctlError('RAFTCTL_INPUT_OUTPUT', `can't listen on ${address}: ${reason}`, {
    hint: 'Check the address after --listen.',
    cause: error,
  })
}

/** Streams that never end would hold a polite shutdown up for good. */
async function stop(
  acceptor: NetServer,
  server: grpc.Server,
  sockets: ReadonlySet<Socket>,
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
  for (const socket of sockets) socket.destroy()
  await closed
}
