/** A node of etcd for measurements, with etcd's own defaults, and how to tell whether etcd is here. */
import {type ChildProcess, spawn, spawnSync} from 'node:child_process'
import {open} from 'node:fs/promises'
import {join} from 'node:path'
import {setTimeout as delay} from 'node:timers/promises'
import {etcdLeader} from './etcd-client.js'
import {freePort} from './node-process.js'

const READY_MS = 30_000

/** Such as "etcd 3.4.23"; undefined when it is not installed. */
export function etcdVersion(): string | undefined {
  const {stdout} = spawnSync('etcd', ['--version'], {encoding: 'utf8'})
  const [, version] = /etcd Version: (\S+)/.exec(stdout ?? '') ?? []
  return version && `etcd ${version}`
}

interface EtcdNode {
  readonly name: string
  readonly clientUrl: string
  readonly peerUrl: string
  child?: ChildProcess | undefined
}

/** Three nodes on loopback; durable as etcd is by default. */
export class EtcdCluster {
  readonly #directory: string
  #nodes: EtcdNode[] = []

  constructor(directory: string) {
    this.#directory = directory
  }

  get pids(): number[] {
    return this.#nodes.flatMap(({child}) => child?.pid ?? [])
  }

  /** host:port of the leader, once there is one. */
  async start(): Promise<string> {
    for (const name of ['etcd1', 'etcd2', 'etcd3']) {
      const [client, peer] = [await freePort(), await freePort()]
      const local = 'http://127.0.0.1'
      this.#nodes.push({name, clientUrl: `${local}:${client}`, peerUrl: `${local}:${peer}`})
    }
    return this.restart()
  }

  /** Starts what does not run; host:port of the leader, once there is one. */
  async restart(): Promise<string> {
    for (const node of this.#nodes) node.child ??= await this.#spawn(node)
    for (const endMs = performance.now() + READY_MS; performance.now() < endMs; ) {
      for (const {clientUrl} of this.#nodes) {
        const address = addressOf(clientUrl)
        if (await etcdLeader(address).catch(() => false)) return address
      }
      await delay(100)
    }
    throw new Error('etcd has no leader')
  }

  /** kill −9 of the one at `address`; the addresses of the others. */
  async killOne(address: string): Promise<string[]> {
    const isIt = ({clientUrl}: EtcdNode) => addressOf(clientUrl) === address
    await Promise.all(this.#nodes.filter(isIt).map(killNode))
    return this.#nodes.filter(node => !isIt(node)).map(({clientUrl}) => addressOf(clientUrl))
  }

  async kill(): Promise<void> {
    await Promise.all(this.#nodes.map(killNode))
  }

  async #spawn({name, clientUrl, peerUrl}: EtcdNode): Promise<ChildProcess> {
    const log = await open(join(this.#directory, `${name}.log`), 'a')
    const flags = {
      name,
      'data-dir': join(this.#directory, name),
      'listen-client-urls': clientUrl,
      'advertise-client-urls': clientUrl,
      'listen-peer-urls': peerUrl,
      'initial-advertise-peer-urls': peerUrl,
      'initial-cluster': this.#nodes.map(node => `${node.name}=${node.peerUrl}`).join(','),
    }
    const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`)
    try {
      return spawn('etcd', args, {stdio: ['ignore', log.fd, log.fd]})
    } finally {
      await log.close()
    }
  }
}

function addressOf(url: string): string {
  return url.replace('http://', '')
}

async function killNode(node: EtcdNode): Promise<void> {
  const {child} = node
  node.child = undefined
  if (!child || child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise(done => child.once('exit', done))
  child.kill('SIGKILL')
  await gone
}
