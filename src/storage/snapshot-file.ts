import {crc32} from 'node:zlib'
import {RaftctlError} from '../errors.js'
import {viewOf} from './bytes.js'
import type {FileSystem, OpenFile} from './file-system.js'
import {
  BLOCK_BYTES,
  BLOCK_HEADER_BYTES,
  decodeSnapshotHeader,
  decodeTrailer,
  encodeSnapshotHeader,
  encodeTrailer,
  type SnapshotHeader,
  type SnapshotTrailer,
  snapshotFileBytes,
  snapshotHeaderBytes,
  TRAILER_BYTES,
} from './snapshot-format.js'

/** Synced in parts, so that a log on the same disk does not wait behind all of it. */
const SYNC_EVERY_BYTES = 512 * 1024
/** About a millisecond of work: who writes meanwhile waits for a piece of it with each message. */
const YIELD_EVERY_BYTES = 128 * 1024

/** A file whose header, trailer and size fit each other; its blocks are checked as they are read. */
export interface SnapshotFile {
  readonly file: OpenFile
  readonly header: SnapshotHeader
  readonly headerBytes: number
  readonly trailer: SnapshotTrailer
  readonly bytes: number
}

/** RAFTCTL_DATA_DAMAGED, RAFTCTL_FORMAT_NEWER. The caller closes `file`. */
export function openSnapshotFile(fs: FileSystem, path: string): SnapshotFile {
  const file = fs.open(path, 'read')
  try {
    const {header, headerBytes, checksum} = readHeader(file)
    const bytes = file.bytes()
    if (bytes !== snapshotFileBytes(headerBytes, header.contentBytes)) {
      throw damagedSnapshot(path, bytes, 'the file is shorter or longer than its header says')
    }
    const trailerAt = bytes - TRAILER_BYTES
    const trailer = decodeTrailer(readExactly(file, trailerAt, TRAILER_BYTES))
    const fits =
      trailer !== undefined &&
      trailer.contentBytes === header.contentBytes &&
      trailer.headerChecksum === checksum
    if (!fits) throw damagedSnapshot(path, trailerAt, 'the trailer does not fit')
    return {file, header, headerBytes, trailer, bytes}
  } catch (error) {
    file.close()
    throw error
  }
}

function readHeader(file: OpenFile) {
  const claimed = snapshotHeaderBytes(readExactly(file, 0, 16))
  if (claimed === undefined) throw damagedSnapshot(file.path, 0, 'this is no snapshot')
  const read = decodeSnapshotHeader(readExactly(file, 0, claimed))
  if (read.kind === 'newer') {
    throw new RaftctlError(
      'RAFTCTL_FORMAT_NEWER',
      `${file.path} was written by a newer raftctl (snapshot format ${read.version})`,
      {hint: 'Use that version, or a later one.', details: {file: file.path}},
    )
  }
  if (read.kind === 'damaged') throw damagedSnapshot(file.path, 0, 'the header is damaged')
  return {header: read.header, headerBytes: claimed, checksum: read.checksum}
}

/** The content, block by block, each given once its checksum is right, and lasting until the next. */
export async function* readBlocks(
  fs: FileSystem,
  snapshot: SnapshotFile,
): AsyncGenerator<Uint8Array> {
  const {file, header, trailer} = snapshot
  let at = snapshot.headerBytes
  let left = header.contentBytes
  let chain = 0
  let blocks = 0
  const memory = new Uint8Array(BLOCK_HEADER_BYTES + BLOCK_BYTES)
  while (left > 0) {
    const length = Math.min(BLOCK_BYTES, left)
    const block = readExactly(file, at, BLOCK_HEADER_BYTES + length, memory)
    chain = checkBlock(file, at, block, chain)
    at += block.length
    left -= length
    blocks++
    yield block.subarray(BLOCK_HEADER_BYTES)
    if (blocks % (YIELD_EVERY_BYTES / BLOCK_BYTES) === 0) await fs.yieldTurn()
  }
  if (blocks !== trailer.blocks || chain !== trailer.chain) {
    throw damagedSnapshot(file.path, at, 'the blocks do not add up to the trailer')
  }
}

/**
 * The file as it is, from `offset` on, in chunks of `chunkBytes`, the last one shorter. A block is
 * checked before any byte of it goes.
 */
export async function* readChecked(
  fs: FileSystem,
  snapshot: SnapshotFile,
  offset: number,
  chunkBytes: number,
): AsyncGenerator<Uint8Array> {
  if (offset >= snapshot.bytes) return
  let at = offset
  const nextChunk = () => new Uint8Array(Math.min(chunkBytes, snapshot.bytes - at))
  let chunk = nextChunk()
  let filled = 0
  for (const part of partsFrom(snapshot, offset)) {
    for (let taken = 0; taken < part.length; ) {
      const piece = part.subarray(taken, taken + chunk.length - filled)
      chunk.set(piece, filled)
      filled += piece.length
      taken += piece.length
      if (filled < chunk.length) continue
      at += chunk.length
      yield chunk
      await fs.yieldTurn()
      chunk = nextChunk()
      filled = 0
    }
  }
}

/** Header, blocks and trailer, the first of them cut to begin at `offset`; each lasts until the next. */
function* partsFrom(snapshot: SnapshotFile, offset: number): Generator<Uint8Array> {
  const {file, headerBytes, bytes} = snapshot
  const trailerAt = bytes - TRAILER_BYTES
  const stride = BLOCK_HEADER_BYTES + BLOCK_BYTES
  const memory = new Uint8Array(stride)
  if (offset < headerBytes) yield readExactly(file, offset, headerBytes - offset)
  const skipped = Math.floor(Math.max(0, offset - headerBytes) / stride)
  let at = headerBytes + skipped * stride
  // A block's checksum is seeded with that of the block before, which is read, not computed again.
  let chain = skipped === 0 ? 0 : viewOf(readExactly(file, at - stride, 8)).getUint32(4, true)
  for (; at < trailerAt; at += stride) {
    const block = readExactly(file, at, Math.min(stride, trailerAt - at), memory)
    chain = checkBlock(file, at, block, chain)
    yield block.subarray(Math.max(0, offset - at))
  }
  yield readExactly(file, Math.max(trailerAt, offset), bytes - Math.max(trailerAt, offset))
}

/** Answers the block's checksum, which seeds the next. */
function checkBlock(file: OpenFile, at: number, block: Uint8Array, seed: number): number {
  const content = block.subarray(BLOCK_HEADER_BYTES)
  const view = viewOf(block)
  const checksum = crc32(content, seed)
  if (view.getUint32(0, true) !== content.length || view.getUint32(4, true) !== checksum) {
    throw damagedSnapshot(file.path, at, 'a block of the snapshot is damaged')
  }
  return checksum
}

/**
 * Reads all of a file and checks every byte of it; answers its header. `mayGoOn` is asked between
 * blocks and throws to stop.
 */
export async function verifySnapshotFile(
  fs: FileSystem,
  path: string,
  mayGoOn: () => void = () => {},
): Promise<SnapshotFile> {
  const snapshot = openSnapshotFile(fs, path)
  try {
    for await (const _ of readBlocks(fs, snapshot)) mayGoOn()
    return snapshot
  } finally {
    snapshot.file.close()
  }
}

/**
 * Writes a whole snapshot into an empty file and syncs it. `mayGoOn` is asked between blocks and
 * throws to stop.
 */
export async function writeSnapshotFile(
  fs: FileSystem,
  file: OpenFile,
  meta: Omit<SnapshotHeader, 'contentBytes'>,
  content: AsyncIterable<Uint8Array>,
  mayGoOn: () => void,
): Promise<void> {
  const headerBytes = encodeSnapshotHeader({...meta, contentBytes: 0}).length
  const blocks = new BlockWriter(file, headerBytes)
  let unsynced = 0
  let unyielded = 0
  for await (const piece of content) {
    mayGoOn()
    blocks.add(piece)
    unsynced += piece.length
    unyielded += piece.length
    if (unsynced >= SYNC_EVERY_BYTES) {
      await fs.settle(file)
      unsynced = 0
      unyielded = 0
    } else if (unyielded >= YIELD_EVERY_BYTES) {
      await fs.yieldTurn()
      unyielded = 0
    }
  }
  mayGoOn()
  blocks.end()
  const header = encodeSnapshotHeader({...meta, contentBytes: blocks.contentBytes})
  const headerChecksum = viewOf(header).getUint32(header.length - 4, true)
  const {contentBytes, chain, count} = blocks
  file.write(encodeTrailer({contentBytes, blocks: count, chain, headerChecksum}), blocks.at)
  file.write(header, 0)
  await file.syncData()
}

class BlockWriter {
  contentBytes = 0
  count = 0
  chain = 0
  at: number
  #file: OpenFile
  #block = new Uint8Array(BLOCK_HEADER_BYTES + BLOCK_BYTES)
  #filled = 0

  constructor(file: OpenFile, at: number) {
    this.#file = file
    this.at = at
  }

  add(piece: Uint8Array): void {
    for (let taken = 0; taken < piece.length; ) {
      const count = Math.min(piece.length - taken, BLOCK_BYTES - this.#filled)
      this.#block.set(piece.subarray(taken, taken + count), BLOCK_HEADER_BYTES + this.#filled)
      this.#filled += count
      taken += count
      if (this.#filled === BLOCK_BYTES) this.end()
    }
  }

  /** Writes what is gathered as a block, if anything is. */
  end(): void {
    if (this.#filled === 0) return
    const block = this.#block.subarray(0, BLOCK_HEADER_BYTES + this.#filled)
    this.chain = crc32(block.subarray(BLOCK_HEADER_BYTES), this.chain)
    const view = viewOf(block)
    view.setUint32(0, this.#filled, true)
    view.setUint32(4, this.chain, true)
    this.#file.write(block, this.at)
    this.at += block.length
    this.contentBytes += this.#filled
    this.count++
    this.#filled = 0
  }
}

/**
 * Into the beginning of `memory`, where it is given: a gigabyte read into new memory is work for the
 * garbage collector, which everything else waits for.
 */
function readExactly(
  file: OpenFile,
  position: number,
  length: number,
  memory: Uint8Array = new Uint8Array(length),
): Uint8Array {
  const bytes = memory.subarray(0, length)
  if (file.read(bytes, position) < length) {
    throw damagedSnapshot(file.path, position, 'the snapshot ends too early')
  }
  return bytes
}

export function damagedSnapshot(file: string, offset: number, what: string): RaftctlError {
  return new RaftctlError('RAFTCTL_DATA_DAMAGED', `${what}: ${file}, offset ${offset}`, {
    hint: 'Delete this snapshot and make a new one with "raftctl snapshot create".',
    details: {file, offset},
  })
}
