import type {LogBatch} from '../node/ports.js'
import type {LogReader} from '../raft/log-reader.js'

export function isEmptyBatch(batch: LogBatch): boolean {
  return batch.reset === undefined && batch.hardState === undefined && batch.entries.length === 0
}

/** A batch that does not fit the log is a bug of the caller; the node stops rather than write it. */
export function checkBatch(batch: LogBatch, log: LogReader): void {
  const firstIndex = batch.reset === undefined ? log.firstIndex() : batch.reset.index + 1
  const nextIndex = batch.reset === undefined ? log.lastIndex() + 1 : batch.reset.index + 1
  const first = batch.entries[0]
  if (first === undefined) return
  if (first.index < firstIndex || first.index > nextIndex) {
    throw new Error(
      `a batch from ${first.index} does not fit a log of ${firstIndex} to ${nextIndex - 1}`,
    )
  }
  batch.entries.forEach((entry, i) => {
    if (entry.index !== first.index + i) throw new Error(`a batch has a gap before ${entry.index}`)
  })
}
