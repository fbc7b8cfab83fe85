/**
 * A synced append of 1 and of 64 entries of 256 bytes, over a bare loop of the same calls on a file
 * filled with zeros: medians of interleaved calls. Prints one JSON line a result.
 *
 *   node dist/bench/wal-append.js [rounds]
 */
import {closeSync, fdatasync, fsyncSync, mkdtempSync, openSync, rmSync, writevSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {encodeEntry} from '../src/raft/entry.js'
import {logIndex, term} from '../src/raft/types.js'
import {NodeFileSystem} from '../src/storage/node-file-system.js'
import {batchBytes} from '../src/storage/wal/format.js'
import {openWal} from '../src/storage/wal/wal.js'
import {median, result, round} from './report.js'

const FILE_BYTES = 128 * 1024 * 1024
const rounds = Number(process.argv[2] ?? 2000)
const directory = mkdtempSync(join(process.env.RAFTCTL_BENCH_DIR ?? tmpdir(), 'raftctl-bench-'))

const nowMs = () => Number(process.hrtime.bigint()) / 1e6

function bareFile(path: string): (pieces: Uint8Array[]) => Promise<void> {
  const fd = openSync(path, 'wx+')
  const chunk = new Uint8Array(1024 * 1024)
  for (let at = 0; at < FILE_BYTES; at += chunk.length) writevSync(fd, [chunk], at)
  fsyncSync(fd)
  let offset = 0
  return pieces => {
    offset += writevSync(fd, pieces, offset)
    return new Promise((resolve, reject) => {
      fdatasync(fd, error => {
        if (error) closeSync(fd)
        error ? reject(error) : resolve()
      })
    })
  }
}

async function measure(entryCount: number): Promise<void> {
  const fs = new NodeFileSystem()
  const options = {segmentBytesMin: FILE_BYTES, segmentBytesMax: FILE_BYTES}
  const {wal} = await openWal(fs, join(directory, `wal-${entryCount}`), options)
  const bare = bareFile(join(directory, `bare-${entryCount}`))
  const data = new Uint8Array(256).fill(7)
  const make = (first: number) =>
    Array.from({length: entryCount}, (_, i) =>
      encodeEntry(logIndex(first + i), term(1), 'command', data),
    )
  // The same bytes in as many pieces as a log without a copy would write: one a record, and one.
  const sample = make(1)
  const rest = batchBytes(undefined, sample) - sample.reduce((n, e) => n + e.record.length, 0)
  const pieces = [...sample.map(each => each.record), new Uint8Array(rest)]

  const ours: number[] = []
  const theirs: number[] = []
  for (let round = 0; round < rounds; round++) {
    // An entry is encoded once in its life, by who proposes it: not the log's cost.
    const entries = make(wal.lastIndex() + 1)
    const began = nowMs()
    await wal.append({reset: undefined, hardState: undefined, entries})
    const between = nowMs()
    await bare(pieces)
    ours.push(between - began)
    theirs.push(nowMs() - between)
  }
  await wal.close()
  const [oursMs, bareMs] = [median(ours), median(theirs)]
  const quartiles = (values: number[]) => {
    const sorted = values.toSorted((x, y) => x - y)
    return [0.25, 0.75].map(part => round(sorted[Math.floor(rounds * part)]!, 4))
  }
  result({
    bench: 'wal-append',
    entries: entryCount,
    entryBytes: 256,
    walMs: round(oursMs, 4),
    relativeTo: 'a bare loop',
    bareMs: round(bareMs, 4),
    ratio: round(oursMs / bareMs, 3),
    walQuartilesMs: quartiles(ours),
    bareQuartilesMs: quartiles(theirs),
  })
}

try {
  await measure(1)
  await measure(64)
} finally {
  rmSync(directory, {recursive: true, force: true})
}
