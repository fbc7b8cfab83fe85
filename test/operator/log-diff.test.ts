import {afterEach, describe, expect, test} from 'vitest'
import {ClusterClient} from '../../src/client/cluster-client.js'
import {diffLogs} from '../../src/operator/log-diff.js'
import {type LogSource, openLogSource} from '../../src/operator/log-source.js'
import {encodeEntry} from '../../src/raft/entry.js'
import {groupId, logIndex, term} from '../../src/raft/types.js'
import {openDataDirectory} from '../../src/storage/data-directory.js'
import {NodeFileSystem} from '../../src/storage/node-file-system.js'
import {openWal} from '../../src/storage/wal/wal.js'
import {codeOf, entry, startFakes} from '../client/fake-cluster.js'
import {temporaryDirectory} from '../support/temporary.js'

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

/** A log in memory: entries first…last, of term 1 but for those named. */
function log(first: number, last: number, commit: number, terms: Record<number, number> = {}) {
  const asked: number[] = []
  const source: LogSource = {
    name: `${first}-${last}`,
    firstIndex: first,
    commitIndex: commit,
    lastIndex: last,
    ranges: async (from, to, count) => {
      const length = Math.max(1, Math.ceil((to - from + 1) / count))
      const ranges = []
      for (let at = from; at <= to; at += length) {
        const end = Math.min(to, at + length - 1)
        const all = Array.from({length: end - at + 1}, (_, i) => terms[at + i] ?? 1)
        ranges.push({
          first: at,
          last: end,
          firstTerm: all[0]!,
          lastTerm: all.at(-1)!,
          checksum: `${at}:${all.join()}`,
        })
      }
      asked.push(ranges.length)
      return ranges
    },
    close: () => {},
  }
  return {source, asked}
}

const source = (...args: Parameters<typeof log>) => log(...args).source

describe('two logs', () => {
  test('with the same entries are the same', async () => {
    const diff = await diffLogs(source(1, 50, 50), source(1, 50, 50))

    expect(diff).toMatchObject({verdict: 'same', comparedFrom: 1, comparedTo: 50, differsAt: null})
  })

  test('of which one holds less are no worse', async () => {
    const diff = await diffLogs(source(1, 50, 50), source(10, 40, 40))

    expect(diff).toMatchObject({verdict: 'behind', comparedFrom: 10, comparedTo: 40})
  })

  test('that differ in what both have committed have diverged, at the first such entry', async () => {
    const a = log(1, 100_000, 100_000)
    const b = log(1, 100_000, 100_000, {77123: 2, 90000: 2})

    const diff = await diffLogs(a.source, b.source)

    expect(diff).toMatchObject({verdict: 'divergence', differsAt: 77_123, termA: 1, termB: 2})
    expect(a.asked.length).toBeLessThan(5)
  })

  test('that differ beyond what one has committed have an uncommitted tail', async () => {
    const diff = await diffLogs(source(1, 20, 20), source(1, 18, 15, {16: 3, 17: 3, 18: 3}))

    expect(diff).toMatchObject({verdict: 'uncommitted-tail', differsAt: 16, termA: 1, termB: 3})
  })

  test('that have no index in common can not be compared', async () => {
    const code = await codeOf(diffLogs(source(1, 20, 20), source(21, 40, 40)))

    expect(code).toBe('RAFTCTL_LOG_COMPACTED')
  })
})

test('members are compared with each other, and with a directory', async () => {
  const cluster = await startFakes(2)
  const client = new ClusterClient({endpoints: cluster.addresses, timeoutMs: 2000})
  cleanups.push(
    () => client.close(),
    () => cluster.stop(),
  )
  const entries = Array.from({length: 9}, (_, i) => entry(i + 1))
  for (const node of cluster.nodes) {
    node.entries = [...entries]
    node.commitIndex = 9
  }
  cluster.nodes[1]!.entries[6] = {...entries[6]!, data: Buffer.from('else')}
  const directory = await dataDirectoryWith(12, 8)
  const open = (text: string) => openLogSource(async () => client, text)
  const [one, two, dir] = [await open('1'), await open('2'), await open(`dir:${directory}`)]

  const members = await diffLogs(one, two)
  const disk = await diffLogs(one, dir)
  dir.close()

  expect(members).toMatchObject({verdict: 'divergence', differsAt: 7})
  expect(disk).toMatchObject({verdict: 'behind', comparedTo: 9, b: {commitIndex: 8, lastIndex: 12}})
})

/** What a fake node of the same entries would have on disk. */
async function dataDirectoryWith(last: number, commit: number): Promise<string> {
  const fs = new NodeFileSystem()
  const path = await temporaryDirectory()
  const directory = await openDataDirectory(fs, path)
  const {wal} = await openWal(fs, directory.groupPaths(groupId(1)).wal)
  await wal.append({
    reset: undefined,
    hardState: {term: term(1), votedFor: undefined, commitIndex: logIndex(commit)},
    entries: Array.from({length: last}, (_, i) =>
      encodeEntry(logIndex(i + 1), term(1), 'command', Buffer.from(`data ${i + 1}`)),
    ),
  })
  await wal.close()
  await directory.release()
  return path
}
