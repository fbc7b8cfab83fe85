/**
 * Log entries as lines of JSON, byte by byte: what `logRecordView` prints with --json, several times as
 * fast. A dump is as long as a log, and strings that live for one line are most of its cost.
 */
import {type LoggedEntry, loggedCommand, recordOf} from '../../operator/log-dump.js'
import {toJson} from '../output.js'

const HEAD = bytes('{"apiVersion":"raftctl/v1","kind":"LogEntry","index":')
const PUT = ',"type":"command","op":"put","key":"'
const VALUE = bytes('","keyEncoding":"utf8","value":"')
const EXPECTED = '","valueEncoding":"utf8","expectedVersion":'
/** More than all of the above and its numbers. */
const FRAME_BYTES = 512

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** The lines of a page; the bytes are the caller's. */
export function logJsonLines(entries: readonly LoggedEntry[]): Uint8Array {
  const room = entries.reduce((sum, {data}) => sum + data.length + FRAME_BYTES, 0)
  const lines = new LineWriter(room)
  for (const entry of entries) if (!lines.put(entry)) lines.any(entry)
  return lines.written()
}

class LineWriter {
  #bytes: Uint8Array
  #at = 0
  /** What lies between the index and the key, of the last term. */
  #middle: Uint8Array = HEAD
  #middleTerm = -1
  /** What follows the value, and of which entry. */
  #end: Uint8Array = HEAD
  #endOf: EntryEnd = NO_END
  /** Over the memory that the last key or value lay in. */
  #words: DataView = new DataView(new ArrayBuffer(0))

  constructor(room: number) {
    this.#bytes = Buffer.allocUnsafe(room)
  }

  /** A put of a plain key and value, as most entries are; false for every other, nothing written. */
  put({index, term, kind, data, committed}: LoggedEntry): boolean {
    if (kind !== 'command') return false
    const command = loggedCommand(data)
    if (command.op !== 'put') return false
    const {key, value, expectedVersion, sessionId, sequence} = command
    if (!this.#isPlain(key) || !this.#isPlain(value)) return false
    if (term !== this.#middleTerm) {
      this.#middle = bytes(`,"term":${term}${PUT}`)
      this.#middleTerm = term
    }
    this.#add(HEAD)
    this.#number(index)
    this.#add(this.#middle)
    this.#add(key)
    this.#add(VALUE)
    this.#add(value)
    this.#add(this.#endFor({expectedVersion, sessionId, sequence, size: data.length, committed}))
    return true
  }

  /** Any entry, the long way. */
  any(entry: LoggedEntry): void {
    const head = {apiVersion: 'raftctl/v1', kind: 'LogEntry'}
    const line = bytes(`${toJson({...head, ...recordOf(entry)})}\n`)
    const over = line.length - (entry.data.length + FRAME_BYTES)
    if (over > 0) this.#grow(over)
    this.#add(line)
  }

  written(): Uint8Array {
    return this.#bytes.subarray(0, this.#at)
  }

  /** Escapes make a line longer than its entry: whatever else is to come must still fit. */
  #grow(bytesMore: number): void {
    const larger = Buffer.allocUnsafe(this.#bytes.length + bytesMore)
    larger.set(this.written())
    this.#bytes = larger
  }

  #add(piece: Uint8Array): void {
    this.#bytes.set(piece, this.#at)
    this.#at += piece.length
  }

  #number(value: number): void {
    const text = String(value)
    for (let i = 0; i < text.length; i++) this.#bytes[this.#at++] = text.charCodeAt(i)
  }

  /** Most entries end as the one before. */
  #endFor(end: EntryEnd): Uint8Array {
    const last = this.#endOf
    const isSame =
      end.sequence === last.sequence &&
      end.size === last.size &&
      end.sessionId === last.sessionId &&
      end.expectedVersion === last.expectedVersion &&
      end.committed === last.committed
    if (isSame) return this.#end
    const {expectedVersion, sessionId, sequence, size, committed} = end
    this.#endOf = end
    this.#end = bytes(
      `${EXPECTED}${expectedVersion},"sessionId":${sessionId},"sequence":${sequence}` +
        `,"membership":null,"reason":null,"dataBytes":${size},"committed":${committed}}\n`,
    )
    return this.#end
  }

  /** No byte of it has to be escaped, and all are ASCII; looked at four by four. */
  #isPlain(text: Uint8Array): boolean {
    if (this.#words.buffer !== text.buffer) this.#words = new DataView(text.buffer)
    const words = this.#words
    const end = text.byteOffset + text.length
    let at = text.byteOffset
    for (; at + 4 <= end; at += 4) {
      const word = words.getInt32(at, true)
      // The highest bit of each byte: set itself, below a space, or made zero by the one looked for.
      const quotes = word ^ 0x22222222
      const slashes = word ^ 0x5c5c5c5c
      const deletes = word ^ 0x7f7f7f7f
      const found =
        word |
        ((word - 0x20202020) & ~word) |
        ((quotes - 0x01010101) & ~quotes) |
        ((slashes - 0x01010101) & ~slashes) |
        ((deletes - 0x01010101) & ~deletes)
      if ((found & 0x80808080) !== 0) return false
    }
    for (; at < end; at++) {
      const byte = words.getUint8(at)
      if (byte < 0x20 || byte > 0x7e || byte === QUOTE || byte === BACKSLASH) return false
    }
    return true
  }
}

interface EntryEnd {
  readonly expectedVersion: number | null
  readonly sessionId: number | null
  readonly sequence: number | null
  readonly size: number
  readonly committed: boolean
}

const NO_END: EntryEnd = {
  expectedVersion: null,
  sessionId: null,
  sequence: null,
  size: -1,
  committed: false,
}

function bytes(text: string): Uint8Array {
  return Buffer.from(text)
}
