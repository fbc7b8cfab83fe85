import {randomInt} from 'node:crypto'
import {readFile} from 'node:fs/promises'
import {createServer} from 'node:net'
import {RaftctlError} from '../errors.js'

const PORT_FIRST = 20_000
const PORT_LAST = 32_000
const ATTEMPTS = 200

/**
 * A free loopback port. Not one that the system hands out by itself: a node that is down for a
 * while would lose such a port to any outgoing connection.
 */
export async function freePort(taken: ReadonlySet<number> = new Set()): Promise<number> {
  const last = Math.min(PORT_LAST, (await ephemeralFirst()) - 1)
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const port = last > PORT_FIRST ? randomInt(PORT_FIRST, last + 1) : 0
    const free = await probe(port)
    if (free !== undefined && !taken.has(free)) return free
  }
  throw new RaftctlError('RAFTCTL_PORT_IN_USE', 'no free port was found on 127.0.0.1')
}

/** The port, when it can be listened on; 0 asks the system for one. */
export function probe(port: number): Promise<number | undefined> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(undefined))
    server.listen({host: '127.0.0.1', port, exclusive: true}, () => {
      const address = server.address()
      const found = typeof address === 'object' && address !== null ? address.port : undefined
      server.close(() => resolve(found))
    })
  })
}

async function ephemeralFirst(): Promise<number> {
  try {
    const range = await readFile('/proc/sys/net/ipv4/ip_local_port_range', 'utf8')
    const first = Number(range.trim().split(/\s+/)[0])
    if (Number.isSafeInteger(first) && first > 1_024) return first
  } catch {
    // Not Linux: most others hand out ports from 49,152 on.
  }
  return PORT_LAST + 1
}
