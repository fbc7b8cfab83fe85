/**
 * A proxy before every node, on this machine's own address. Who has dialled is read from the hello
 * that opens every stream between nodes; what nobody's hello opens is a client's, and never cut.
 *
 *   node 1 ──▶ proxy of node 2 ──▶ node 2        a cut link holds bytes back until it is mended,
 *                                                as the retransmissions of a real one would
 */
import {connect, createServer, type Server, type Socket} from 'node:net'
import {toSafeNumber} from '../../src/rpc/codec.js'
import {PeerFrame, type PeerHello, SnapshotFrame} from '../../src/rpc/gen/raftctl/v1/peer.js'
import {freePort} from '../node-process.js'
import type {Network, Place} from './network.js'

export async function networkOfProxies(nodes: number): Promise<Network> {
  const severed = new Set<string>()
  const pipes = new Set<Pipe>()
  const isCut = (from: number | undefined, to: number | undefined) => severed.has(`${from}>${to}`)
  const servers: Server[] = []
  const places: Place[] = []
  for (let node = 0; node < nodes; node++) {
    const port = await freePort()
    const server = createServer({noDelay: true, allowHalfOpen: true}, dialler => {
      let from: number | undefined
      const owner = connect({port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true})
      const opening = new Opening(nodes, found => {
        from = found
      })
      const there = new Pipe(dialler, owner, () => isCut(from, node))
      const back = new Pipe(owner, dialler, () => isCut(node, from))
      dialler.prependListener('data', chunk => opening.add(chunk))
      for (const pipe of [there, back]) pipes.add(pipe)
      dialler.once('close', () => pipes.delete(there))
      owner.once('close', () => pipes.delete(back))
    })
    servers.push(server)
    places.push({
      address: `127.0.0.1:${await listen(server)}`,
      listen: `127.0.0.1:${port}`,
      within: [],
    })
  }
  return {
    kind: 'proxies',
    places,
    async cut(links) {
      severed.clear()
      for (const [from, to] of links) severed.add(`${from}>${to}`)
      for (const pipe of pipes) pipe.flow()
    },
    async close() {
      for (const pipe of pipes) pipe.end()
      await Promise.all(servers.map(server => new Promise(done => server.close(done))))
    },
  }
}

/** Bytes of one direction, held back while the link is cut; so is the end. */
class Pipe {
  readonly #source: Socket
  readonly #target: Socket
  readonly #isCut: () => boolean
  #held: Buffer[] = []
  #isOver = false

  constructor(source: Socket, target: Socket, isCut: () => boolean) {
    this.#source = source
    this.#target = target
    this.#isCut = isCut
    source.on('data', chunk => {
      this.#held.push(chunk)
      this.flow()
    })
    for (const event of ['end', 'close', 'error']) {
      source.on(event, () => {
        this.#isOver = true
        this.flow()
      })
    }
    target.on('drain', () => this.flow())
  }

  flow(): void {
    if (this.#isCut()) {
      this.#source.pause()
      return
    }
    let accepted = true
    for (const chunk of this.#held) accepted = this.#target.write(chunk)
    this.#held = []
    if (this.#isOver) this.#target.end()
    else if (accepted) this.#source.resume()
    else this.#source.pause()
    if (this.#source.destroyed) this.#target.destroySoon()
  }

  end(): void {
    this.#source.destroy()
    this.#target.destroy()
  }
}

const PREFACE_BYTES = 24
const FRAME_HEADER_BYTES = 9
const DATA = 0
/** Flag, length: what gRPC puts before a message. */
const MESSAGE_PREFIX_BYTES = 5
const PADDED = 8

/** The beginning of a connection, until its first message is there. */
class Opening {
  readonly #nodes: number
  readonly #found: (node: number) => void
  #bytes: Buffer | undefined = Buffer.alloc(0)

  constructor(nodes: number, found: (node: number) => void) {
    this.#nodes = nodes
    this.#found = found
  }

  add(chunk: Buffer): void {
    if (this.#bytes === undefined) return
    this.#bytes = Buffer.concat([this.#bytes, chunk])
    const message = firstMessage(this.#bytes)
    if (message === undefined) return
    this.#bytes = undefined
    const from = toSafeNumber(helloOf(message)?.from?.nodeId ?? 0n)
    if (from >= 1 && from <= this.#nodes) this.#found(from - 1)
  }
}

function firstMessage(bytes: Buffer): Buffer | undefined {
  let at = PREFACE_BYTES
  while (at + FRAME_HEADER_BYTES <= bytes.length) {
    const length = bytes.readUIntBE(at, 3)
    const start = at + FRAME_HEADER_BYTES
    const isData = bytes[at + 3] === DATA && (bytes[at + 4]! & PADDED) === 0
    if (start + length > bytes.length) return undefined
    if (isData) return bytes.subarray(start + MESSAGE_PREFIX_BYTES, start + length)
    at = start + length
  }
  return undefined
}

/** undefined for what is none: a client's first message reads as none, or as nonsense. */
function helloOf(message: Buffer): PeerHello | undefined {
  for (const read of [
    () => helloIn(PeerFrame.decode(message)),
    () => headerHelloIn(SnapshotFrame.decode(message)),
  ]) {
    try {
      const hello = read()
      if (/^[0-9a-f]{32}$/.test(hello?.from?.storeId ?? '')) return hello
    } catch {
      // Not that kind.
    }
  }
  return undefined
}

function helloIn({body}: PeerFrame): PeerHello | undefined {
  return body?.$case === 'hello' ? body.value : undefined
}

function headerHelloIn({body}: SnapshotFrame): PeerHello | undefined {
  return body?.$case === 'header' ? body.value.hello : undefined
}

function listen(server: Server): Promise<number> {
  return new Promise((done, failed) => {
    server.once('error', failed)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      done(typeof address === 'object' ? (address?.port ?? 0) : 0)
    })
  })
}
