/**
 * The measurements that take little time, one after the other, against the budgets; under five minutes.
 * Every result is printed as a JSON line by the file that measures it; the table is of budgets only.
 *
 *   npm run bench [-- NAME…]
 */
import {spawn} from 'node:child_process'
import {existsSync} from 'node:fs'
import {join} from 'node:path'
import {createInterface} from 'node:readline'
import {note, result, table} from './report.js'

type Result = Readonly<Record<string, string | number | undefined>>

interface Budget {
  readonly question: string
  /** Which results answer it. */
  readonly where: Result
  readonly field: string
  readonly atLeast?: number
  readonly atMost?: number
  readonly unit: string
}

interface Bench {
  readonly name: string
  readonly args?: readonly string[]
  readonly budgets: readonly Budget[]
}

const pipeline = {system: 'pipeline', op: 'write', valueBytes: 256}
const unary = {...pipeline, system: 'unary'}

const BENCHES: readonly Bench[] = [
  {
    name: 'cluster',
    args: ['--quick'],
    budgets: [
      {
        question: 'writes a second, 64 callers',
        where: {...pipeline, callers: 64},
        field: 'timesPerSecond',
        atLeast: 6,
        unit: 'x etcd',
      },
      {
        question: 'writes a second, 256 callers',
        where: {...pipeline, callers: 256},
        field: 'timesPerSecond',
        atLeast: 10,
        unit: 'x etcd',
      },
      {
        question: 'the same, one call a write',
        where: {...unary, callers: 256},
        field: 'timesPerSecond',
        atLeast: 1,
        unit: 'x etcd',
      },
      {
        question: 'latency of one caller, p50',
        where: {...pipeline, callers: 1},
        field: 'timesP50',
        atMost: 1,
        unit: 'x etcd',
      },
      {
        question: 'latency of one caller, p99',
        where: {...pipeline, callers: 1},
        field: 'timesP99',
        atMost: 1,
        unit: 'x etcd',
      },
      {
        question: 'linearizable reads a second, 256 callers',
        where: {...pipeline, op: 'read', callers: 256},
        field: 'timesPerSecond',
        atLeast: 5,
        unit: 'x etcd',
      },
      {
        question: 'anonymous memory of a node, 256 callers',
        where: {...pipeline, callers: 256},
        field: 'nodeAnonymousMb',
        atMost: 250,
        unit: 'MB',
      },
    ],
  },
  {
    name: 'wal-append',
    args: ['500'],
    budgets: [1, 64].map(entries => ({
      question: `a synced append, entries: ${entries}`,
      where: {entries},
      field: 'ratio',
      atMost: 1.15,
      unit: 'x a bare loop',
    })),
  },
  {
    name: 'core',
    budgets: [
      {
        question: 'proposals a second of the core alone, 64 a batch',
        where: {batch: 64},
        field: 'median',
        atLeast: 500_000,
        unit: '',
      },
    ],
  },
  {
    name: 'log-offline',
    args: ['500000'],
    budgets: [
      {
        question: 'log dump to a file, entries a second',
        where: {bench: 'log-dump'},
        field: 'perSecond',
        atLeast: 300_000,
        unit: '',
      },
      {
        question: 'log dump to a file',
        where: {bench: 'log-dump'},
        field: 'ratio',
        atLeast: 0.5,
        unit: 'x a bare loop',
      },
    ],
  },
  {
    name: 'failover',
    args: ['--kills', '20', '--systems', 'raftctl'],
    budgets: [
      {
        question: 'leader killed to next acknowledged write, p50',
        where: {bench: 'failover'},
        field: 'p50Ms',
        atMost: 450,
        unit: 'ms',
      },
      {
        question: 'leader killed to next acknowledged write, p99',
        where: {bench: 'failover'},
        field: 'p99Ms',
        atMost: 700,
        unit: 'ms',
      },
    ],
  },
  {
    name: 'idle',
    args: ['15'],
    budgets: [
      {
        question: 'CPU time of an idle cluster',
        where: {system: 'raftctl'},
        field: 'timesCpu',
        atMost: 1.5,
        unit: 'x etcd',
      },
    ],
  },
  {
    name: 'startup',
    args: ['15'],
    budgets: [
      {
        question: 'raftctl --version',
        where: {command: 'raftctl --version'},
        field: 'overMs',
        atMost: 40,
        unit: 'ms over node -e 0',
      },
      {
        question: 'raftctl status',
        where: {command: 'raftctl status'},
        field: 'overMs',
        atMost: 70,
        unit: 'ms over node -e 0',
      },
    ],
  },
]

/** Its results, which are passed on as they come. One that misses its budget may end with 1. */
async function run({name, args = []}: Bench): Promise<Result[]> {
  note(`\n${name} …`)
  const file = join(import.meta.dirname, `${name}.js`)
  const child = spawn(process.execPath, [file, ...args], {stdio: ['ignore', 'pipe', 'ignore']})
  const ended = new Promise(done => child.once('close', done))
  const results: Result[] = []
  for await (const line of createInterface({input: child.stdout})) {
    const parsed = JSON.parse(line) as Result
    result(parsed)
    results.push(parsed)
  }
  const status = await ended
  if (results.length === 0)
    throw new Error(`bench/${name} ended with ${status}; run it alone to see why`)
  return results
}

function judge({question, where, field, atLeast, atMost, unit}: Budget, results: Result[]) {
  const found = results.filter(each => Object.entries(where).every(([key, is]) => each[key] === is))
  const value = found.at(-1)?.[field]
  const limit = atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`
  // Without etcd there is nothing to be relative to.
  if (typeof value !== 'number') return [question, 'not measured', `${limit} ${unit}`, '']
  const met = value >= (atLeast ?? Number.NEGATIVE_INFINITY) && value <= (atMost ?? Infinity)
  return [question, String(value), `${limit} ${unit}`.trimEnd(), met ? 'met' : 'MISSED']
}

const wanted = process.argv.slice(2)
const rows: string[][] = []
for (const bench of BENCHES) {
  if (wanted.length > 0 && !wanted.includes(bench.name)) continue
  if (!existsSync(join(import.meta.dirname, `${bench.name}.js`))) continue
  const results = await run(bench)
  rows.push(...bench.budgets.map(budget => judge(budget, results)))
}
note('')
table(['question', 'measured', 'budget', ''], rows)
