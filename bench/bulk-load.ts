/**
 * How long LMDB alone takes for the rows that `snapshot-under-load.js` has a learner install: what a
 * learner's catch-up is measured by. One JSON line.
 *
 *   node dist/bench/bulk-load.js [megabytes]
 */
import {randomBytes} from 'node:crypto'
import {open} from 'lmdb'
import {withDirectory} from './directory.js'
import {result, round} from './report.js'

const VALUE_BYTES = 4096
const BATCH_ROWS = 1024
const megabytes = Number(process.argv[2] ?? 1024)

await withDirectory(async path => {
  const db = open<Buffer, Buffer>({
    path,
    noSubdir: false,
    overlappingSync: true,
    encoding: 'binary',
    keyEncoding: 'binary',
    eventTurnBatching: false,
  })
  const rows = Math.ceil((megabytes * 1024 * 1024) / VALUE_BYTES)
  const value = randomBytes(VALUE_BYTES)
  const startMs = performance.now()
  for (let first = 0; first < rows; first += BATCH_ROWS) {
    await db.batch(() => {
      for (let row = first; row < Math.min(first + BATCH_ROWS, rows); row++) {
        db.put(Buffer.from(`load/${String(row).padStart(9, '0')}`), value)
      }
    })
  }
  await db.flushed
  const seconds = round((performance.now() - startMs) / 1000)
  await db.close()
  result({bench: 'bulk-load', megabytes, rows, seconds})
})
