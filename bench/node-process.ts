/** Real nodes for measurements and torture: the built program, on ports of this machine. */
import {type ChildProcess, spawn} from 'node:child_process'
import {randomBytes} from 'node:crypto'
import {open} from 'node:fs/promises'
import {createServer} from 'node:net'
import {join, resolve} from 'node:path'
import {ClusterClient} from '../src/client/cluster-client.js'
import type {Place} from './network/network.js'

const READY_MS = 120_000

/** The built program, as measurements find it that were built with it. */
export const PROGRAM = resolve(import.meta.dirname, '..', '..', 'bin', 'run.js')

export class NodeProcess {
  readonly address: string
  readonly #program: string
  readonly #directory: string
  readonly #name: string
  readonly #place: Pick<Place, 'listen' | 'within'>
  readonly #flags: readonly string[]
  #child: ChildProcess | undefined

  constructor(
    program: string,
    directory: string,
    name: string,
    address: string,
    place: Pick<Place, 'listen' | 'within'> = {listen: address, within: []},
    flags: readonly string[] = [],
  ) {
    this.#flags = flags
    this.#program = program
    this.#directory = directory
    this.#name = name
    this.#place = place
    this.address = address
  }

  /** Of a node that runs. */
  get pid(): number {
    const pid = this.#child?.pid
    if (pid === undefined) throw new Error(`${this.#name} does not run`)
    return pid
  }

  /** Resolves when it says that it is ready; rejects when it ends before. */
  async start(): Promise<void> {
    const log = await open(join(this.#directory, `${this.#name}.log`), 'a')
    const dataDir = join(this.#directory, this.#name)
    const {listen, within} = this.#place
    const where = ['--listen', listen, '--advertise', this.address, '--data-dir', dataDir]
    const line = [...within, process.execPath, this.#program, 'node', 'run', ...where]
    const child = spawn(line[0]!, [...line.slice(1), '--insecure', ...this.#flags], {
      stdio: ['ignore', 'pipe', log.fd],
    })
    this.#child = child
    try {
      await new Promise<void>((done, failed) => {
        const timer = setTimeout(() => failed(new Error(`${this.#name} is not ready`)), READY_MS)
        child.stdout?.once('data', () => done())
        child.once('exit', (status, signal) => {
          clearTimeout(timer)
          failed(new Error(`${this.#name} ended at its start: ${status ?? signal}`))
        })
        child.stdout?.once('data', () => clearTimeout(timer))
      })
    } finally {
      await log.close()
    }
  }

  kill(): Promise<void> {
    return this.#end('SIGKILL')
  }

  /** As an operator stops it: it hands over what it has to. */
  stop(): Promise<void> {
    return this.#end('SIGTERM')
  }

  /** It does nothing at all until `resume`. */
  pause(): void {
    this.#child?.kill('SIGSTOP')
  }

  resume(): void {
    this.#child?.kill('SIGCONT')
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise(done => child.once('exit', done))
    child.kill(signal)
    await gone
  }
}

/** The voters of a new cluster, which has acknowledged a write; kill them when all is done. */
export async function startNodes(
  directory: string,
  count: number,
  program = PROGRAM,
  flags: readonly string[] = [],
): Promise<NodeProcess[]> {
  const nodes: NodeProcess[] = []
  for (let i = 1; i <= count; i++) {
    const address = `127.0.0.1:${await freePort()}`
    const place = {listen: address, within: []}
    nodes.push(new NodeProcess(program, directory, `n${i}`, address, place, flags))
  }
  try {
    await Promise.all(nodes.map(node => node.start()))
    await initialise(nodes.map(({address}) => address))
    return nodes
  } catch (error) {
    await Promise.all(nodes.map(node => node.kill()))
    throw error
  }
}

export async function initialise(endpoints: readonly string[]): Promise<void> {
  const client = new ClusterClient({endpoints, timeoutMs: 10_000})
  try {
    const voters = endpoints.map((address, i) => ({address, name: `n${i + 1}`}))
    await client.initialise(endpoints[0]!, randomBytes(16).toString('hex'), voters)
    await client.put(Buffer.from('first'), Buffer.from('write'))
  } finally {
    client.close()
  }
}

export function freePort(): Promise<number> {
  return new Promise((done, failed) => {
    const server = createServer()
    server.once('error', failed)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => done(typeof address === 'object' ? (address?.port ?? 0) : 0))
    })
  })
}
