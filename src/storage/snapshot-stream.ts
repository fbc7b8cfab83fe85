/**
 * A snapshot checked while it passes by, in pieces cut anywhere:
 *
 *   start ─16 bytes─▶ header ─▶ block ─▶ … ─▶ trailer ─▶ over
 *
 * Memory holds one block, or the header.
 */
import {crc32} from 'node:zlib'
import {viewOf} from './bytes.js'
import {damagedSnapshot} from './snapshot-file.js'
import {
  BLOCK_BYTES,
  BLOCK_HEADER_BYTES,
  decodeSnapshotHeader,
  decodeTrailer,
  type SnapshotHeader,
  snapshotHeaderBytes,
  TRAILER_BYTES,
} from './snapshot-format.js'

const START_BYTES = 16

export class SnapshotStreamCheck {
  readonly #name: string
  #phase: 'start' | 'header' | 'block' | 'trailer' | 'over' = 'start'
  #needed = START_BYTES
  #pending: Uint8Array = new Uint8Array(0)
  #at = 0
  #header: {readonly header: SnapshotHeader; readonly checksum: number} | undefined
  #left = 0
  #chain = 0
  #blocks = 0

  /** `name` is what errors call the stream. */
  constructor(name: string) {
    this.#name = name
  }

  /** RAFTCTL_DATA_DAMAGED as soon as a part is whole and wrong. */
  push(piece: Uint8Array): void {
    const joined = new Uint8Array(this.#pending.length + piece.length)
    joined.set(this.#pending)
    joined.set(piece, this.#pending.length)
    let from = 0
    while (joined.length - from >= this.#needed && joined.length > from) {
      // The header is read again from its first byte, now that its length is known.
      const part = joined.subarray(from, from + this.#needed)
      const taken = this.#take(part)
      from += taken
      this.#at += taken
    }
    this.#pending = joined.slice(from)
  }

  /** What the whole stream was; RAFTCTL_DATA_DAMAGED unless it is at its end. */
  finish(): SnapshotHeader {
    if (this.#phase !== 'over' || this.#header === undefined) {
      throw damagedSnapshot(this.#name, this.#at, 'the snapshot ends too early')
    }
    return this.#header.header
  }

  #take(part: Uint8Array): number {
    switch (this.#phase) {
      case 'start': {
        const claimed = snapshotHeaderBytes(part)
        if (claimed === undefined) throw this.#damaged('this is no snapshot')
        this.#go('header', claimed)
        return 0
      }
      case 'header': {
        const read = decodeSnapshotHeader(part)
        if (read.kind !== 'header') throw this.#damaged('the header is damaged')
        this.#header = read
        this.#left = read.header.contentBytes
        this.#nextBlock()
        return part.length
      }
      case 'block':
        this.#checkBlock(part)
        this.#nextBlock()
        return part.length
      case 'trailer':
        this.#checkTrailer(part)
        this.#go('over', 1)
        return part.length
      case 'over':
        throw this.#damaged('bytes follow the end of the snapshot')
    }
  }

  #checkBlock(part: Uint8Array): void {
    const view = viewOf(part)
    const content = part.subarray(BLOCK_HEADER_BYTES)
    this.#chain = crc32(content, this.#chain)
    if (view.getUint32(0, true) !== content.length || view.getUint32(4, true) !== this.#chain) {
      throw this.#damaged('a block of the snapshot is damaged')
    }
    this.#blocks++
    this.#left -= content.length
  }

  #checkTrailer(part: Uint8Array): void {
    const trailer = decodeTrailer(part)
    const fits =
      trailer !== undefined &&
      trailer.contentBytes === this.#header?.header.contentBytes &&
      trailer.headerChecksum === this.#header.checksum &&
      trailer.blocks === this.#blocks &&
      trailer.chain === this.#chain
    if (!fits) throw this.#damaged('the trailer does not fit')
  }

  #nextBlock(): void {
    if (this.#left === 0) this.#go('trailer', TRAILER_BYTES)
    else this.#go('block', BLOCK_HEADER_BYTES + Math.min(BLOCK_BYTES, this.#left))
  }

  #go(phase: 'header' | 'block' | 'trailer' | 'over', needed: number): void {
    this.#phase = phase
    this.#needed = needed
  }

  #damaged(what: string): Error {
    return damagedSnapshot(this.#name, this.#at, what)
  }
}
