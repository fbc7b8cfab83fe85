import {RaftctlError} from '../errors.js'
import type {SnapshotInfo, SnapshotReceiver} from '../node/ports.js'
import type {InstallSnapshot} from '../raft/messages.js'
import type {Inbox, RunningProcess} from './parts.js'

interface Stream {
  readonly number: number
  readonly message: InstallSnapshot
  readonly id: string
  readonly receiver: SnapshotReceiver
  heardMs: number
}

/** A stream of which nothing was heard for so long has lost its sender. */
const SILENCE_MAX_MS = 1000
const STREAMS_KEPT = 8

/**
 * Snapshot files that peers send to one process, with the store's own receiver. Pieces of streams that
 * were ended long ago still arrive, and are given to the receivers that they were meant for.
 */
export class SnapshotInbox implements Inbox {
  readonly #process: RunningProcess
  readonly #streams = new Map<number, Stream>()
  #current: Stream | undefined

  constructor(process: RunningProcess) {
    this.#process = process
  }

  /** Answers where the sender is to go on. */
  async open(number: number, message: InstallSnapshot, info: SnapshotInfo): Promise<number> {
    const store = this.#process.snapshots
    if (store === undefined) throw notNow()
    const {nowMs} = this.#process.node.world
    const known = this.#streams.get(number)
    if (known !== undefined) return known.receiver.offset
    const current = this.#current
    const isAlive = current !== undefined && nowMs - current.heardMs < SILENCE_MAX_MS
    if (isAlive && info.id < current.id) {
      throw new RaftctlError('RAFTCTL_REFUSED', 'a newer snapshot is coming in already')
    }
    // A file that nobody goes on with must not stand in the way of another, even an older one.
    if (current !== undefined && current.id !== info.id) await current.receiver.abort()
    const receiver = await store.receive(info.id, info.bytes)
    const stream = {number, message, id: info.id, receiver, heardMs: nowMs}
    this.#current = stream
    this.#streams.set(number, stream)
    if (this.#streams.size > STREAMS_KEPT) {
      this.#streams.delete(this.#streams.keys().next().value!)
    }
    return receiver.offset
  }

  async chunk(number: number, offset: number, data: Uint8Array): Promise<number> {
    const stream = this.#stream(number)
    await stream.receiver.write(offset, data)
    return stream.receiver.offset
  }

  /** The file is whole; from here on it is Raft's to decide. */
  async end(number: number): Promise<number> {
    const stream = this.#stream(number)
    const info = await stream.receiver.finish()
    if (this.#current === stream) this.#current = undefined
    this.#process.node.run(process => process.step(stream.message))
    return info.bytes
  }

  #stream(number: number): Stream {
    const stream = this.#streams.get(number)
    if (stream === undefined) throw notNow()
    stream.heardMs = this.#process.node.world.nowMs
    return stream
  }
}

function notNow(): RaftctlError {
  return new RaftctlError('RAFTCTL_NODE_STOPPED', 'this node takes no part of this snapshot now')
}
