import {copyFileSync, fstatSync, ftruncateSync, openSync, writeSync} from 'node:fs'
import {readableStack} from './stack.js'

/** A node's log: one JSON object a line, time first. */
export interface NodeLogRecord {
  readonly level: 'error' | 'warn' | 'info' | 'debug' | 'trace'
  readonly event: string
  readonly [field: string]: unknown
}

export type NodeLog = (record: NodeLogRecord) => void

/** Of a log file and of the one before it, each. */
const FILE_BYTES_MAX = 8 * 1024 * 1024

/**
 * Writes to a stream that may be a full disk or a reader that has gone away: neither may stop a
 * node, so what can't be written is lost.
 */
export function nodeLog(stream: NodeJS.WriteStream): NodeLog {
  stream.on('error', () => {})
  return record => {
    stream.write(lineOf(record))
  }
}

/**
 * Appends to a file, and keeps at most 16 MiB: of a full file the content goes to FILE.1, over what
 * was there. The file itself stays the same one, because the node's own output may lead there too.
 * Throws if the file can't be opened; what can't be written later is lost.
 */
export function nodeLogFile(path: string): NodeLog {
  const file = openSync(path, 'a', 0o600)
  let bytes = fstatSync(file).size
  return record => {
    try {
      bytes += writeSync(file, lineOf(record))
      if (bytes <= FILE_BYTES_MAX) return
      bytes = 0
      beginAnew(file, path)
    } catch {
      // A full disk, or a directory that is gone.
    }
  }
}

/** Empties the file, also where its content can't be kept: what it grows by has a bound. */
function beginAnew(file: number, path: string): void {
  try {
    copyFileSync(path, `${path}.1`)
  } finally {
    ftruncateSync(file, 0)
  }
}

function lineOf(record: NodeLogRecord): string {
  const {stack} = record
  const readable = typeof stack === 'string' ? {stack: readableStack(stack)} : undefined
  return `${JSON.stringify({time: new Date().toISOString(), ...record, ...readable})}\n`
}
