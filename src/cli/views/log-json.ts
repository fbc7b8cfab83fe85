/**
 * Log entries as lines of JSON, byte by byte: what `logRecordView` prints with --json, several times as
 * fast. A dump is as long as a log, and strings that live for one line are most of its cost.
 */
import {type LoggedEntry, loggedCommand, recordOf} from '../../operator/log-dump.js'
import {toJson} from '../output.js'

const HEAD = bytes('{"apiVersion":"raftctl/v1","kind":"LogEntry","index":')
const TERM = bytes(',"term":')
const PUT = bytes(',"type":"command","op":"put","key":')
const VALUE = bytes(',"keyEncoding":"utf8","value":')
const EXPECTED = bytes(',"valueEncoding":"utf8","expectedVersion":')
const SESSION = bytes(',"sessionId":')
const SEQUENCE = bytes(',"sequence":')
const DATA = bytes(',"membership":null,"reason":null,"dataBytes":')
const COMMITTED = bytes(',"committed":true}\n')
const UNCOMMITTED = bytes(',"committed":false}\n')
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

  constructor(room: number) {
    this.#bytes = Buffer.allocUnsafe(room)
  }

  /** A put of a plain key and value, as most entries are; false for every other, nothing written. */
  put({index, term, kind, data, committed}: LoggedEntry): boolean {
    if (kind !== 'command') return false
    const command = loggedCommand(data)
    if (command.op !== 'put') return false
    const start = this.#at
    this.#add(HEAD)
    this.#number(index)
    this.#add(TERM)
    this.#number(term)
    this.#add(PUT)
    if (!this.#plain(command.key)) return this.#backTo(start)
    this.#add(VALUE)
    if (!this.#plain(command.value)) return this.#backTo(start)
    this.#add(EXPECTED)
    this.#number(command.expectedVersion)
    this.#add(SESSION)
    this.#number(command.sessionId)
    this.#add(SEQUENCE)
    this.#number(command.sequence)
    this.#add(DATA)
    this.#number(data.length)
    this.#add(committed ? COMMITTED : UNCOMMITTED)
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

  #number(value: number | null): void {
    const text = String(value)
    for (let i = 0; i < text.length; i++) this.#bytes[this.#at++] = text.charCodeAt(i)
  }

  /** In quotes; false as soon as a byte would have to be escaped or is no ASCII. */
  #plain(text: Uint8Array): boolean {
    const target = this.#bytes
    let at = this.#at
    target[at++] = QUOTE
    for (let i = 0; i < text.length; i++) {
      const byte = text[i]!
      if (byte < 0x20 || byte > 0x7e || byte === QUOTE || byte === BACKSLASH) return false
      target[at++] = byte
    }
    target[at++] = QUOTE
    this.#at = at
    return true
  }

  #backTo(start: number): false {
    this.#at = start
    return false
  }
}

function bytes(text: string): Uint8Array {
  return Buffer.from(text)
}
