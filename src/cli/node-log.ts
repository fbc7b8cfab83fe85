/** A node's log: one JSON object a line, time first. */
export interface NodeLogRecord {
  readonly level: 'info' | 'warn' | 'error'
  readonly event: string
  readonly [field: string]: unknown
}

/**
 * Writes to a stream that may be a full disk or a reader that has gone away: neither may stop a
 * node, so what can't be written is lost.
 */
export function nodeLog(stream: NodeJS.WriteStream): (record: NodeLogRecord) => void {
  stream.on('error', () => {})
  return record => {
    stream.write(`${JSON.stringify({time: new Date().toISOString(), ...record})}\n`)
  }
}
