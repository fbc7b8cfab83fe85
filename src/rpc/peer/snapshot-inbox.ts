/**
 * Snapshots that peers send us: one at a time. A stream of an equal or newer snapshot ends the one
 * before it, for its sender has given up or been replaced; an older one is refused.
 *
 *   header ──▶ hello checked ──▶ earlier stream ended ──▶ file staged ──▶ whole ──▶ verified ──▶ Raft
 */
import type {ServerDuplexStream} from '@grpc/grpc-js'
import {RaftctlError} from '../../errors.js'
import type {SnapshotReceiver, SnapshotStore} from '../../node/ports.js'
import {malformed, toSafeNumber, toWireNumber} from '../codec.js'
import type {SnapshotFrame, SnapshotProgress} from '../gen/raftctl/v1/peer.js'
import {responseStream} from '../handler.js'
import {SNAPSHOT_CHUNK_BYTES} from '../limits.js'
import {MessageReader} from '../message-reader.js'
import {type Acquaintance, checkOpener} from './hello.js'
import {type IncomingSnapshot, snapshotHeaderFromWire} from './message-codec.js'

const HEADER_MS = 5000
/** No more than any sender of ours puts into one chunk. */
const CHUNK_BYTES_MAX = 12 * SNAPSHOT_CHUNK_BYTES

type Call = ServerDuplexStream<SnapshotFrame, SnapshotProgress>

interface Incoming {
  readonly snapshot: IncomingSnapshot
  /** Ends it from outside; resolves when its file is let go. */
  supersede(): Promise<void>
}

export class SnapshotInbox {
  readonly #us: Acquaintance
  readonly #snapshots: () => SnapshotStore | undefined
  #current: Incoming | undefined
  /** The file of a stream that was cut: its sender may go on with it. */
  #left: {id: string; receiver: SnapshotReceiver} | undefined
  readonly #calls = new Set<Promise<void>>()
  #stopped = false

  constructor(us: Acquaintance, snapshots: () => SnapshotStore | undefined) {
    this.#us = us
    this.#snapshots = snapshots
  }

  answer(call: Call): void {
    call.on('error', () => {})
    const taken = this.#take(call).then(
      () => {
        call.end()
      },
      (error: unknown) => {
        call.emit('error', error as Error)
        call.resume()
      },
    )
    this.#calls.add(taken)
    taken.finally(() => this.#calls.delete(taken))
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#current?.supersede()
    await Promise.allSettled(this.#calls)
    await this.#left?.receiver.abort()
    this.#left = undefined
  }

  async #take(call: Call): Promise<void> {
    const frames = new MessageReader<SnapshotFrame>(call)
    const first = await frames.next(HEADER_MS)
    if (first === undefined) return
    if (first.body?.$case !== 'header') throw malformed('a snapshot header was expected')
    const header = first.body.value
    if (header.hello === undefined) throw malformed('the hello is missing')
    checkOpener(header.hello, this.#us)
    const snapshot = snapshotHeaderFromWire(header)

    let release = () => {}
    const released = new Promise<void>(resolve => {
      release = resolve
    })
    const supersede = () => {
      frames.cut(new RaftctlError('RAFTCTL_REFUSED', 'another stream has taken over'))
      return released
    }
    const earlier = this.#current
    if (earlier !== undefined && isOlder(snapshot, earlier.snapshot)) {
      throw new RaftctlError('RAFTCTL_REFUSED', 'a newer snapshot is coming in already')
    }
    const mine: Incoming = {snapshot, supersede}
    this.#current = mine
    try {
      await earlier?.supersede()
      await this.#receive(call, frames, snapshot)
    } finally {
      if (this.#current === mine) this.#current = undefined
      release()
    }
  }

  async #receive(
    call: Call,
    frames: MessageReader<SnapshotFrame>,
    snapshot: IncomingSnapshot,
  ): Promise<void> {
    const store = this.#snapshots()
    if (store === undefined || this.#stopped) {
      throw new RaftctlError('RAFTCTL_NODE_STOPPED', 'this node takes no snapshots now')
    }
    const {id, fileBytes, message} = snapshot
    const answers = responseStream<SnapshotProgress>(call)
    // A sender that reads nothing must not outlast the word that ends it.
    const tell = (offset: number, done: boolean) =>
      frames.unlessCut(answers.write({offset: toWireNumber(offset), done}))
    const left = this.#left
    this.#left = undefined
    // A file that nobody goes on with must not stand in the way of another, even an older one.
    if (left !== undefined && left.id !== id) await left.receiver.abort()
    const receiver = await store.receive(id, fileBytes)
    this.#left = {id, receiver}
    try {
      let {offset} = receiver
      await tell(offset, false)
      while (offset < fileBytes) {
        const frame = await frames.next()
        if (frame === undefined) return
        offset = await takeChunk(frame, offset, fileBytes, receiver)
        await tell(offset, false)
      }
      await receiver.finish()
      this.#left = undefined
    } catch (error) {
      if (error instanceof RaftctlError && error.code === 'RAFTCTL_USAGE') await receiver.abort()
      throw error
    }
    // The file is in its place and verified: from here on it is Raft's to decide.
    this.#us.host.runtime?.step([message])
    await tell(fileBytes, true)
  }
}

async function takeChunk(
  frame: SnapshotFrame,
  offset: number,
  fileBytes: number,
  receiver: SnapshotReceiver,
): Promise<number> {
  if (frame.body?.$case !== 'chunk') throw malformed('a snapshot chunk was expected')
  const {data} = frame.body.value
  const at = toSafeNumber(frame.body.value.offset)
  if (at !== offset) throw malformed(`a chunk at ${at} does not continue at ${offset}`)
  if (data.length === 0 || data.length > CHUNK_BYTES_MAX || at + data.length > fileBytes) {
    throw malformed(`a chunk of ${data.length} bytes does not fit`)
  }
  await receiver.write(at, data)
  return at + data.length
}

function isOlder(one: IncomingSnapshot, other: IncomingSnapshot): boolean {
  const mine = one.message.snapshot
  const theirs = other.message.snapshot
  return mine.term < theirs.term || (mine.term === theirs.term && mine.index < theirs.index)
}
