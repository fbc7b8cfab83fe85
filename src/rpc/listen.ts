import type {Server} from 'node:net'
import {RaftctlError} from '../errors.js'
import {parseAddress} from './address.js'

/**
 * Binds a server to HOST:PORT; port 0 takes a free one. `flag` is where the address came from. Errors
 * after that are the caller's. RAFTCTL_USAGE, RAFTCTL_PORT_IN_USE, RAFTCTL_INPUT_OUTPUT.
 */
export function listen(
  server: Server,
  address: string,
  flag: string,
): Promise<{host: string; port: number}> {
  const parsed = parseAddress(address)
  if (parsed === undefined) {
    throw new RaftctlError('RAFTCTL_USAGE', `can't listen on "${address}": it is not HOST:PORT`, {
      hint: 'Write the address as HOST:PORT, such as 127.0.0.1:7400; port 0 takes a free one.',
    })
  }
  return new Promise((resolve, reject) => {
    server.once('error', error => reject(listenError(error, address, flag)))
    server.listen({host: parsed.host, port: parsed.port, exclusive: true}, () => {
      server.removeAllListeners('error')
      const bound = server.address()
      const port = typeof bound === 'object' && bound !== null ? bound.port : parsed.port
      // The host as it was asked for: a name stays a name.
      resolve({host: parsed.host, port})
    })
  })
}

function listenError(error: NodeJS.ErrnoException, address: string, flag: string): RaftctlError {
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
    hint: `Check the address after ${flag}.`,
    cause: error,
  })
}
