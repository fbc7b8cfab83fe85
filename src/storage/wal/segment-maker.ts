import {RaftctlError} from '../../errors.js'
import type {FileSystem, OpenFile} from '../file-system.js'
import {PARTIAL} from '../file-system.js'

const CHUNK = new Uint8Array(256 * 1024)
/** Zeros waiting to reach the disk hold up the log's own sync; so they are synced in small parts. */
const SYNC_EVERY_BYTES = 4 * 1024 * 1024

/** A file of zeros that is to become a segment. */
export interface Blank {
  readonly file: OpenFile
  readonly path: string
  readonly bytes: number
}

/**
 * Makes the files that segments will be, ahead of need: filled with zeros and synced, so that a later
 * sync of a batch writes data alone. A failure to make one ahead of need for want of room is forgotten,
 * as the log itself has not failed yet; any other is kept and thrown when the file is asked for.
 */
export class SegmentMaker {
  #fs: FileSystem
  #path: string
  #ahead: Promise<Blank | undefined> | undefined
  #failure: unknown
  #isStopping = false

  constructor(fs: FileSystem, directory: string) {
    this.#fs = fs
    this.#path = `${directory}/next${PARTIAL}`
  }

  /** Begins to make a file of `bytes`, unless one is made or being made. */
  prepare(bytes: number): void {
    if (this.#ahead !== undefined || this.#isStopping) return
    this.#ahead = this.#make(bytes).catch(error => {
      const isFull = error instanceof RaftctlError && error.code === 'RAFTCTL_DISK_FULL'
      if (!isFull) this.#failure = error
      return undefined
    })
  }

  /** A file of at least `bytesMin`: the one prepared if it will do, else a new one of `bytes`. */
  async take(bytesMin: number, bytes: number): Promise<Blank> {
    const ahead = await this.#ahead
    this.#ahead = undefined
    if (this.#failure !== undefined) throw this.#failure
    if (ahead !== undefined) {
      if (ahead.bytes >= bytesMin) return ahead
      ahead.file.close()
    }
    const made = await this.#make(Math.max(bytes, bytesMin))
    if (made === undefined) throw new Error('the log is closing')
    return made
  }

  /** Gives up what is being made. */
  async stop(): Promise<void> {
    this.#isStopping = true
    const ahead = await this.#ahead
    this.#ahead = undefined
    ahead?.file.close()
    this.#removeFile()
  }

  async #make(bytes: number): Promise<Blank | undefined> {
    this.#removeFile()
    const file = this.#fs.open(this.#path, 'create')
    try {
      for (let at = 0; at < bytes && !this.#isStopping; at += CHUNK.length) {
        file.write(CHUNK.subarray(0, Math.min(CHUNK.length, bytes - at)), at)
        const isPartDone = (at + CHUNK.length) % SYNC_EVERY_BYTES === 0
        if (isPartDone) await file.syncData()
        else await this.#fs.yieldTurn()
      }
      await file.syncData()
    } catch (error) {
      file.close()
      this.#removeFile()
      throw error
    }
    if (!this.#isStopping) return {file, path: this.#path, bytes}
    file.close()
    return undefined
  }

  #removeFile(): void {
    if (this.#fs.kindOf(this.#path) !== undefined) this.#fs.remove(this.#path)
  }
}
