// A real node under everything that a stranger can send. It neither falls nor changes nor grows, and
// whoever belongs there is served meanwhile.
//
//   RAFTCTL_HOSTILE_FRAMES=1000000 npx vitest run test/rpc/hostile.test.ts    the long run
//   RAFTCTL_HOSTILE_SEED=7                                                    the same once more
import {createHash} from 'node:crypto'
import {readFileSync} from 'node:fs'
import {writeFile} from 'node:fs/promises'
import {type ClientHttp2Session, connect as connectHttp2} from 'node:http2'
import {connect, type Socket} from 'node:net'
import {join} from 'node:path'
import {connect as connectTls} from 'node:tls'
import {afterAll, beforeAll, expect, test} from 'vitest'
import {ClusterClient} from '../../src/client/cluster-client.js'
import {freePort} from '../../src/cluster/ports.js'
import {decodeCommand} from '../../src/kv/command.js'
import {
  framed,
  hostileMessage,
  METHODS,
  PREFACE,
  pick,
  randomBytes,
  randomHttp2,
} from '../support/hostile-frames.js'
import {seededRandom} from '../support/random.js'
import {openShell, type Shell} from '../support/shell.js'

const FRAMES = Number(process.env.RAFTCTL_HOSTILE_FRAMES ?? 20_000)
const SEED = Number(process.env.RAFTCTL_HOSTILE_SEED ?? (Date.now() % 1_000_000) + 1)
const LIMIT_MS = 60_000 + FRAMES * 3
/** How much the node may grow over what it took before. */
const GROWTH_BYTES_MAX = 200 * 1024 * 1024
const CALLS_A_SESSION = 60
/** How long calls that nobody answers are left open, once others were answered. */
const QUIET_MS = 150
/** Within this an honest write is acknowledged, and one of many calls answered. */
const SERVED_MS_MAX = 20_000

const random = seededRandom(SEED)
let shell: Shell
let port = 0
let pid = 0
let node: Promise<{status: number | null; stderr: string}>
/** What gRPC answered, ever. */
const statuses = new Set<string>()
let ended: string | undefined
let honest: ClusterClient

beforeAll(async () => {
  shell = await openShell()
  const file = (name: string) => join(shell.home, name)
  const roles = ['admin', 'write', 'read', 'monitor', 'peer']
  const hash = (role: string) => createHash('sha256').update(`the-${role}-token`).digest('hex')
  await writeFile(file('tokens'), roles.map(role => `${role} ${role} ${hash(role)}\n`).join(''))
  for (const role of roles) await writeFile(file(role), `the-${role}-token\n`)
  port = await freePort()
  const args = ['--listen', `127.0.0.1:${port}`, '--data-dir', file('data')]
  const trust = ['--token-file', file('tokens'), '--peer-token-file', file('peer')]
  node = shell.run(['node', 'run', ...args, ...trust], {
    timeoutMs: LIMIT_MS + 60_000,
    onSpawn: started => {
      pid = started
    },
  })
  node.then(outcome => {
    ended = outcome.stderr.split('\n').slice(-12).join('\n')
  })
  honest = new ClusterClient({
    endpoints: [`127.0.0.1:${port}`],
    timeoutMs: SERVED_MS_MAX,
    security: {tokenFile: file('admin')},
  })
  const address = `127.0.0.1:${port}`
  await eventually('the node answers', () => honest.nodeStatus(address, 500).then(() => true))
  await honest.initialise(address, 'a'.repeat(32), [{address, name: 'n1'}])
  await honest.put(Buffer.from('before'), Buffer.from('1'))
}, 60_000)

afterAll(async () => {
  await honest.close()
  if (ended === undefined) process.kill(pid, 'SIGTERM')
  await node
  await shell.end()
}, 60_000)

test(
  `${FRAMES} hostile frames cause no crash, no change and no growth (seed ${SEED})`,
  async () => {
    const before = await honest.leaderStatus()
    const rssBefore = residentBytes()
    let rssMax = rssBefore
    const sampler = setInterval(() => {
      rssMax = Math.max(rssMax, residentBytes())
    }, 50)
    const held = holdOpen()
    let attacking = true
    let sent = 0
    const writing = writeMeanwhile(() => attacking).catch((error: Error) => {
      attacking = false
      throw new Error(`not served after ${sent} frames: ${error.message}`, {cause: error})
    })
    // Awaited below; a failure until then must not count as unhandled.
    writing.catch(() => {})

    const attackers = Array.from({length: 8}, async () => {
      while (sent < FRAMES && ended === undefined && attacking) {
        const frames = await attack()
        sent += frames
      }
    })
    await Promise.all(attackers)
    attacking = false
    expect(ended).toBeUndefined()
    const writes = await writing
    clearInterval(sampler)
    for (const socket of held) socket.destroy()

    const after = await honest.leaderStatus()
    expect(after.pid).toBe(before.pid)
    expect(after.term).toBe(before.term)
    expect(await foreignEntries(before.lastIndex + 1, after.lastIndex, writes)).toEqual([])
    expect(after.membership).toEqual(before.membership)
    expect(writes).toBeGreaterThan(10)
    // Served, malformed, not let in, not allowed, not there: all of that was met.
    for (const status of ['0', '3', '16', '7', '12']) expect(statuses).toContain(status)
    expect(rssMax - rssBefore).toBeLessThan(GROWTH_BYTES_MAX)
  },
  LIMIT_MS,
)

/** One after the other, each acknowledged; answers how many. */
async function writeMeanwhile(goOn: () => boolean): Promise<number> {
  let writes = 0
  while (goOn()) {
    const {key, value} = honestWrite(writes)
    await honest.put(Buffer.from(key), Buffer.from(value))
    writes += 1
  }
  return writes
}

function honestWrite(n: number) {
  return {key: `key-${n % 50}`, value: `${n}`}
}

/**
 * What the log holds besides the honest writes, each of which must be there. A client that was not
 * answered in time sends the same write once more, under the same sequence: it is applied once.
 */
async function foreignEntries(from: number, to: number, writes: number): Promise<string[]> {
  const foreign: string[] = []
  const seen = new Map<number, string>()
  let session: number | undefined
  for await (const {index, kind, data} of honest.logEntriesRange(from, to)) {
    const command = kind === 'command' ? decodeCommand(data) : undefined
    const own = command?.op === 'put' ? command.session : undefined
    session ??= own?.sessionId
    if (command?.op !== 'put' || own === undefined || own.sessionId !== session) {
      foreign.push(`${index}: ${kind} ${JSON.stringify(command)}`)
      continue
    }
    const written = `${Buffer.from(command.key)}=${Buffer.from(command.value)}`
    const before = seen.get(own.sequence)
    if (before === undefined) seen.set(own.sequence, written)
    else if (before !== written) foreign.push(`${index}: ${written}, which was ${before}`)
  }
  const expected = Array.from({length: writes}, (_, n) => honestWrite(n))
  const honestly = expected.map(({key, value}) => `${key}=${value}`)
  expect([...seen.values()]).toEqual(honestly)
  return foreign
}

/** Connections that say nothing, half a preface, or a byte now and then. */
function holdOpen(): Socket[] {
  return Array.from({length: 60}, (_, i) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.resume()
    if (i % 3 === 1) socket.write(PREFACE.subarray(0, 10))
    if (i % 3 === 2) {
      const bytes = randomHttp2(random)
      let at = 0
      const drip = setInterval(() => {
        if (socket.destroyed || at >= bytes.length) clearInterval(drip)
        else socket.write(bytes.subarray(at, ++at))
      }, 200)
      drip.unref()
    }
    return socket
  })
}

/** Answers how many frames it sent. */
async function attack(): Promise<number> {
  switch (random() % 8) {
    case 0:
      return raw(randomBytes(random, 1 + (random() % 2000)))
    case 1:
      return raw(randomHttp2(random))
    case 2:
      return raw(Buffer.from(pick(random, HTTP1)))
    case 3:
      return tls()
    default:
      return calls()
  }
}

const HTTP1 = [
  'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
  'POST /raftctl.v1.ClusterService/Status HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n',
  'GET / HTTP/1.1\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n',
  'SSH-2.0-OpenSSH_9.6\r\n',
]

function raw(bytes: Buffer): Promise<number> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    const done = () => {
      socket.destroy()
      resolve(1)
    }
    socket.setTimeout(50, done)
    socket.on('error', () => {})
    socket.once('close', done)
    socket.resume()
    socket.end(bytes)
  })
}

function tls(): Promise<number> {
  return new Promise(resolve => {
    const socket = connectTls({port, host: '127.0.0.1', rejectUnauthorized: false})
    socket.on('error', () => {})
    socket.setTimeout(500, () => socket.destroy())
    socket.once('close', () => resolve(1))
  })
}

/** Many calls on one connection: to every method, by strangers and by those with too small a role. */
function calls(): Promise<number> {
  return new Promise(resolve => {
    const session = connectHttp2(`http://127.0.0.1:${port}`)
    session.on('error', () => {})
    let open = CALLS_A_SESSION
    const finish = () => {
      session.destroy()
      clearTimeout(timer)
      resolve(CALLS_A_SESSION)
    }
    // Some calls never end by themselves: they are left in the middle, though not before the node has
    // had the time to answer those that it can.
    let timer = setTimeout(finish, SERVED_MS_MAX)
    const answered = () => {
      clearTimeout(timer)
      timer = setTimeout(finish, QUIET_MS)
    }
    session.once('close', finish)
    for (let i = 0; i < CALLS_A_SESSION; i++) {
      call(session, answered, () => {
        open -= 1
        if (open === 0) finish()
      })
    }
  })
}

function call(session: ClientHttp2Session, answered: () => void, done: () => void): void {
  if (session.destroyed) {
    done()
    return
  }
  const method = pick(random, METHODS)
  const path = random() % 20 === 0 ? pick(random, ODD_PATHS) : method.path
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': pick(random, ['application/grpc', 'application/grpc', 'application/json']),
    'grpc-timeout': pick(random, ['1S', '0n', '99999999H', '-1S', 'x']),
    'grpc-encoding': pick(random, ['identity', 'gzip', 'none-such']),
    ...authorization(path),
    ...(random() % 30 === 0 ? {'x-long': 'z'.repeat(random() % 30_000)} : {}),
  })
  stream.on('error', () => {})
  const note = (headers: Record<string, unknown>) => {
    statuses.add(String(headers['grpc-status']))
    answered()
  }
  stream.on('response', note)
  stream.on('trailers', note)
  stream.once('close', done)
  stream.resume()
  const message = framed(random, hostileMessage(random, method.input))
  if (random() % 10 === 0) stream.write(message.subarray(0, random() % message.length))
  else stream.end(message)
  if (random() % 10 === 0) stream.close(random() % 14)
}

const ODD_PATHS = [
  '/',
  '//',
  '/raftctl.v1.ClusterService/',
  '/__proto__/constructor',
  `/${'a'.repeat(4000)}`,
]

/** Whatever lets the call through to a method that changes something is left away. */
function authorization(path: string): Record<string, string> {
  const kind = random() % 4
  if (kind === 0) return {}
  if (kind === 1) return {authorization: `Bearer ${randomBytes(random, 12).toString('hex')}`}
  if (path.startsWith('/raftctl.v1.PeerService/')) return {authorization: 'Bearer the-peer-token'}
  // Initialise and Join are refused by what the node already is, whatever they carry.
  if (/\/(?:Initialise|Join)$/.test(path)) return {authorization: 'Bearer the-admin-token'}
  return {authorization: `Bearer the-${pick(random, ['read', 'monitor', 'peer'])}-token`}
}

function residentBytes(): number {
  if (ended !== undefined) return 0
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024
}

async function eventually(what: string, run: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000
  while (!(await run().catch(() => false))) {
    if (performance.now() > deadline) throw new Error(`never came true: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}
