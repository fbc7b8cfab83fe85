/**
 * A log of a million entries of 256 bytes: how long a node takes to open it, and how fast and in how
 * much memory `log dump --data-dir` writes it to a file, over a bare loop that reads and JSON-encodes
 * the same bytes. Prints one JSON line a result.
 *
 *   node dist/bench/log-offline.js [entries]
 */
import {spawn} from 'node:child_process'
import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {encodeCommand} from '../src/kv/command.js'
import {encodeEntry} from '../src/raft/entry.js'
import {groupId, logIndex, term} from '../src/raft/types.js'
import {groupPaths} from '../src/storage/data-directory.js'
import {NodeFileSystem} from '../src/storage/node-file-system.js'
import {openWal} from '../src/storage/wal/wal.js'
import {PROGRAM} from './node-process.js'
import {result, round} from './report.js'

const ENTRY_BYTES = 256
const BATCH_ENTRIES = 500
const count = Number(process.argv[2] ?? 1_000_000)
const directory = mkdtempSync(join(process.env.RAFTCTL_BENCH_DIR ?? tmpdir(), 'raftctl-bench-'))
const fs = new NodeFileSystem()
const {wal: walPath} = groupPaths(directory, groupId(1))

const secondsSince = (start: bigint) => Number(process.hrtime.bigint() - start) / 1e9

async function writeLog(): Promise<void> {
  const {wal} = await openWal(fs, walPath)
  for (let first = 1; first <= count; first += BATCH_ENTRIES) {
    const entries = Array.from({length: Math.min(BATCH_ENTRIES, count - first + 1)}, (_, i) => {
      const key = Buffer.from(`key-${String(first + i).padStart(10, '0')}`)
      const value = Buffer.alloc(ENTRY_BYTES - 24 - 10 - key.length, 'v')
      const command = {
        op: 'put',
        key,
        value,
        session: undefined,
        expectedVersion: undefined,
      } as const
      return encodeEntry(logIndex(first + i), term(1), 'command', encodeCommand(command))
    })
    const commitIndex = entries.at(-1)!.index
    const hardState = {term: term(1), votedFor: undefined, commitIndex}
    await wal.append({reset: undefined, hardState, entries})
  }
  await wal.close()
}

async function measureOpening(): Promise<void> {
  const start = process.hrtime.bigint()
  const {wal} = await openWal(fs, walPath, {mustExist: true})
  const seconds = secondsSince(start)
  result({bench: 'log-open', entries: wal.lastIndex(), seconds})
  await wal.close()
}

/** The same bytes read once, and each piece of an entry's size written as one JSON string. */
function bareSeconds(): number {
  const start = process.hrtime.bigint()
  const out = openSync(join(directory, 'bare.ndjson'), 'w')
  let pending = ''
  for (const name of readdirSync(walPath)) {
    const bytes = readFileSync(join(walPath, name))
    for (let at = 0; at + ENTRY_BYTES <= bytes.length; at += ENTRY_BYTES) {
      pending += `${JSON.stringify({index: at, value: bytes.toString('latin1', at, at + ENTRY_BYTES)})}\n`
      if (pending.length < 64 * 1024) continue
      writeSync(out, pending)
      pending = ''
    }
  }
  writeSync(out, pending)
  closeSync(out)
  return secondsSince(start)
}

async function measureDump(): Promise<void> {
  const start = process.hrtime.bigint()
  const out = openSync(join(directory, 'dump.ndjson'), 'w')
  const args = [PROGRAM, 'log', 'dump', '--data-dir', directory, '--json']
  const child = spawn(process.execPath, args, {stdio: ['ignore', out, 'inherit']})
  let peakBytes = 0
  const watch = setInterval(() => {
    peakBytes = Math.max(peakBytes, peakOf(child.pid!))
  }, 20)
  const status = await new Promise(done => child.once('close', done))
  const seconds = secondsSince(start)
  clearInterval(watch)
  closeSync(out)
  const bare = bareSeconds()
  const perSecond = Math.round(count / seconds)
  result({
    bench: 'log-dump',
    status,
    entries: count,
    seconds,
    perSecond,
    peakBytes,
    relativeTo: 'a bare loop',
    ratio: round(bare / seconds),
  })
}

function peakOf(pid: number): number {
  try {
    const [, kib] = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return Number(kib ?? 0) * 1024
  } catch {
    return 0
  }
}

try {
  await writeLog()
  await measureOpening()
  await measureDump()
  await measureDump()
} finally {
  rmSync(directory, {recursive: true, force: true})
}
