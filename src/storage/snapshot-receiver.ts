import {RaftctlError} from '../errors.js'
import type {SnapshotInfo, SnapshotReceiver} from '../node/ports.js'
import type {FileSystem, OpenFile} from './file-system.js'

/** Chunks wait for a sync of the file this often, so that the disk's queue stays short. */
const SYNC_EVERY_BYTES = 512 * 1024

interface Ending {
  /** Verifies the closed file and gives it its name. */
  finish(): Promise<SnapshotInfo>
  /** Forgets the file. */
  abandon(): void
}

/** A snapshot file on its way in: chunks in order, without holes, from one stream at a time. */
export class IncomingFile implements SnapshotReceiver {
  readonly id: string
  readonly bytes: number
  #fs: FileSystem
  #file: OpenFile
  #offset: number
  #unsynced = 0
  #ending: Ending
  #isOver = false
  #isBusy = false
  #isFinishing = false

  constructor(
    fs: FileSystem,
    file: OpenFile,
    id: string,
    bytes: number,
    offset: number,
    ending: Ending,
  ) {
    this.#fs = fs
    this.#file = file
    this.id = id
    this.bytes = bytes
    this.#offset = offset
    this.#ending = ending
  }

  get offset(): number {
    return this.#offset
  }

  /** Whole, and being verified. */
  get isFinishing(): boolean {
    return this.#isFinishing && !this.#isOver
  }

  /**
   * RAFTCTL_REFUSED for a chunk that leaves a hole, overlaps, or goes beyond the announced length, and
   * from a stream that a newer one has ended. Any failure of the file ends the receiver.
   */
  async write(offset: number, chunk: Uint8Array): Promise<void> {
    this.refuseIfOver()
    if (this.#isBusy || this.#isFinishing) throw refused('chunks come one at a time')
    if (offset !== this.#offset) {
      throw refused(`a chunk at ${offset} does not continue at ${this.#offset}`)
    }
    if (offset + chunk.length > this.bytes) {
      throw refused(`a chunk goes beyond the announced ${this.bytes} bytes`)
    }
    this.#isBusy = true
    try {
      this.#file.write(chunk, offset)
      this.#offset += chunk.length
      this.#unsynced += chunk.length
      if (this.#unsynced >= SYNC_EVERY_BYTES) {
        this.#unsynced = 0
        await this.#fs.settle(this.#file)
      }
    } catch (error) {
      await this.abort()
      throw error
    } finally {
      this.#isBusy = false
    }
  }

  /** A file that fails its checks is removed: the sender begins again at 0. */
  async finish(): Promise<SnapshotInfo> {
    this.refuseIfOver()
    if (this.#isBusy || this.#isFinishing) throw refused('a chunk is still being written')
    if (this.#offset !== this.bytes) {
      throw refused(`${this.#offset} of ${this.bytes} bytes have come`)
    }
    this.#isFinishing = true
    try {
      await this.#file.syncData()
      const info = await this.#ending.finish()
      this.detach()
      return info
    } catch (error) {
      await this.abort()
      throw error
    }
  }

  async abort(): Promise<void> {
    if (this.#isOver) return
    this.detach()
    this.#ending.abandon()
  }

  /** Ends this receiver but leaves its file; answers how much of it is there. */
  detach(): number {
    if (!this.#isOver) this.#file.close()
    this.#isOver = true
    return this.#offset
  }

  refuseIfOver(): void {
    if (this.#isOver) throw refused('another stream has taken over, or this one was ended')
  }
}

/** The file is here: nothing more is to be sent. */
export class WholeAlready implements SnapshotReceiver {
  readonly offset: number
  #info: SnapshotInfo

  constructor(info: SnapshotInfo) {
    this.offset = info.bytes
    this.#info = info
  }

  async write(): Promise<void> {
    throw refused('the snapshot is here already')
  }

  async finish(): Promise<SnapshotInfo> {
    return this.#info
  }

  async abort(): Promise<void> {}
}

function refused(why: string): RaftctlError {
  return new RaftctlError('RAFTCTL_REFUSED', `the snapshot stream is refused: ${why}`)
}
