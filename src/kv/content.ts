/**
 * The logical content of the state, as snapshots carry it and as its hash is taken (little-endian):
 *
 *   header    'RAFTCTKV' 8 bytes, format 4 bytes (1), zero 4
 *   record    bytes of the key 2, bytes of the record 4, key, record     … in key order
 *   end       zero 6 bytes, number of records 8 bytes
 *
 * Records are those of records.ts, without the head: what it holds is in the snapshot's own header.
 * Equal states have equal content, byte for byte, on every member and over every store.
 */
import {RaftctlError} from '../errors.js'
import {
  fromByteString,
  readUint16,
  readUint32,
  readUint64,
  toByteString,
  writeUint16,
  writeUint32,
  writeUint64,
} from './bytes.js'
import {KEY_BYTES_MAX, VALUE_BYTES_MAX} from './command.js'
import {
  damaged,
  decodeHistory,
  HISTORY_SECTION,
  numberOfKey,
  PageMemory,
  RECORDS_END,
  type RecordReader,
  SESSION_SECTION,
  type StateRecord,
  VALUE_HEADER_BYTES,
  VALUE_SECTION,
} from './records.js'
import {decodeSession} from './sessions.js'

export const CONTENT_FORMAT = 1

const MAGIC = 'RAFTCTKV'
const HEADER_BYTES = 16
const LENGTHS_BYTES = 6
const END_BYTES = 14
/** A chunk has about as many bytes, and at most CHUNK_BYTES_MAX. */
const CHUNK_BYTES = 64 * 1024
const CHUNK_BYTES_MAX = 256 * 1024
const PAGE_RECORDS = 1024
/** Longer than any record that is written; a length beyond it is damage, not a reason to allocate. */
const RECORD_BYTES_MAX = 16 * 1024 * 1024

/** The content in chunks, each lasting until the next; reads a page of the view for each. */
export function* writeContent(view: RecordReader): Generator<Uint8Array> {
  const header = new Uint8Array(HEADER_BYTES)
  header.set(fromByteString(MAGIC))
  writeUint32(header, 8, CONTENT_FORMAT)
  yield header

  const memory = new PageMemory(2 * CHUNK_BYTES)
  const chunkMemory = new PageMemory(2 * CHUNK_BYTES)
  let from = HISTORY_SECTION
  let count = 0
  for (;;) {
    memory.clear()
    chunkMemory.clear()
    const {records, more} = view.page(from, RECORDS_END, CHUNK_BYTES, PAGE_RECORDS, memory)
    count += records.length
    const bytes = encodeRecords(records, chunkMemory)
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES_MAX) {
      yield bytes.subarray(at, at + CHUNK_BYTES_MAX)
    }
    if (!more) break
    from = `${records.at(-1)![0]}\0`
  }

  const end = new Uint8Array(END_BYTES)
  writeUint64(end, LENGTHS_BYTES, count)
  yield end
}

/**
 * Reads what `writeContent` wrote, in chunks cut anywhere. Throws RAFTCTL_DATA_DAMAGED unless every
 * record can be read, they are in order, and none is missing; RAFTCTL_FORMAT_NEWER.
 */
export async function* readContent(
  content: AsyncIterable<Uint8Array>,
): AsyncGenerator<StateRecord> {
  const input = new ChunkReader(content)
  readHeader(await input.take(HEADER_BYTES))
  let previous = ''
  for (let count = 0; ; count++) {
    const lengths = await input.take(LENGTHS_BYTES)
    const keyBytes = readUint16(lengths, 0)
    const recordBytes = readUint32(lengths, 2)
    if (keyBytes === 0 && recordBytes === 0) {
      if (readUint64(await input.take(8), 0) !== count) throw damaged('records are missing')
      if (!(await input.atEnd())) throw damaged('bytes follow the end of the state')
      return
    }
    if (recordBytes > RECORD_BYTES_MAX) throw damaged('a record of the state is too long')
    const key = toByteString(await input.take(keyBytes))
    const record = await input.take(recordBytes)
    if (key <= previous) throw damaged('the records of the state are out of order')
    if (!isRecord(key, record)) throw damaged('a record of the state is unreadable')
    previous = key
    yield [key, record]
  }
}

/** Reads all of it, as a restore would; the same failures as `readContent`. */
export async function countContent(
  content: AsyncIterable<Uint8Array>,
): Promise<{keys: number; sessions: number}> {
  let keys = 0
  let sessions = 0
  for await (const [key] of readContent(content)) {
    if (key[0] === VALUE_SECTION) keys++
    else if (key[0] === SESSION_SECTION) sessions++
  }
  return {keys, sessions}
}

function encodeRecords(records: readonly StateRecord[], memory: PageMemory): Uint8Array {
  let length = 0
  for (const [key, record] of records) length += LENGTHS_BYTES + key.length + record.length
  const bytes = memory.take(length)
  let at = 0
  for (const [key, record] of records) {
    writeUint16(bytes, at, key.length)
    writeUint32(bytes, at + 2, record.length)
    at += LENGTHS_BYTES
    for (let i = 0; i < key.length; i++) bytes[at + i] = key.charCodeAt(i)
    at += key.length
    bytes.set(record, at)
    at += record.length
  }
  return bytes
}

function readHeader(header: Uint8Array): void {
  if (toByteString(header.subarray(0, 8)) !== MAGIC) throw damaged('this is no state of raftctl')
  const format = readUint32(header, 8)
  if (format > CONTENT_FORMAT) {
    throw new RaftctlError('RAFTCTL_FORMAT_NEWER', `the state has format ${format}`, {
      hint: 'Run the version of raftctl that wrote it, or a newer one.',
      details: {format, formatMax: CONTENT_FORMAT},
    })
  }
  if (format !== CONTENT_FORMAT || readUint32(header, 12) !== 0) {
    throw damaged('the header of the state is unreadable')
  }
}

function isRecord(key: string, record: Uint8Array): boolean {
  switch (key[0]) {
    case HISTORY_SECTION:
      return decodeHistory(numberOfKey(key), record) !== undefined
    case SESSION_SECTION:
      return decodeSession(numberOfKey(key), record) !== undefined
    case VALUE_SECTION:
      return (
        key.length > 1 &&
        key.length <= KEY_BYTES_MAX + 1 &&
        record.length >= VALUE_HEADER_BYTES &&
        record.length <= VALUE_BYTES_MAX + VALUE_HEADER_BYTES &&
        readUint64(record, 0) > 0
      )
    default:
      return false
  }
}

/** Exact numbers of bytes from chunks of any size. */
class ChunkReader {
  readonly #chunks: AsyncIterator<Uint8Array>
  #chunk: Uint8Array = new Uint8Array(0)
  #at = 0

  constructor(content: AsyncIterable<Uint8Array>) {
    this.#chunks = content[Symbol.asyncIterator]()
  }

  /** The bytes are the caller's: they don't keep the chunk alive. */
  async take(length: number): Promise<Uint8Array> {
    if (this.#chunk.length - this.#at >= length) {
      this.#at += length
      return this.#chunk.slice(this.#at - length, this.#at)
    }
    const bytes = new Uint8Array(length)
    let filled = 0
    while (filled < length) {
      if (this.#at === this.#chunk.length && !(await this.#next())) {
        throw damaged('the state is cut short')
      }
      const part = this.#chunk.subarray(this.#at, this.#at + length - filled)
      bytes.set(part, filled)
      filled += part.length
      this.#at += part.length
    }
    return bytes
  }

  async atEnd(): Promise<boolean> {
    while (this.#at === this.#chunk.length) if (!(await this.#next())) return true
    return false
  }

  async #next(): Promise<boolean> {
    const {done, value} = await this.#chunks.next()
    if (done === true) return false
    this.#chunk = value
    this.#at = 0
    return true
  }
}
