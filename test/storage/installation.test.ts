// A snapshot from the leader, at every step: file, then log, then state (storage.md).
import {expect, test} from 'vitest'
import {RaftctlError} from '../../src/errors.js'
import {recover} from '../../src/node/recovery.js'
import {entryData} from '../../src/raft/entry.js'
import {type Entry, groupId, logIndex, type Term, term} from '../../src/raft/types.js'
import {MemoryDisk, MemoryStateMachine} from '../../src/sim/memory-state-machine.js'
import {SimFileSystem} from '../../src/sim/sim-file-system.js'
import type {FileSystem} from '../../src/storage/file-system.js'
import {openSnapshotStore} from '../../src/storage/snapshot-store.js'
import {openWal} from '../../src/storage/wal/wal.js'
import {Log, put} from '../kv/fixtures.js'
import {MISHAPS, strikeEach} from './every-fault.js'
import {batch, SMALL} from './log-helpers.js'

const WAL = '/data/wal'
const SNAPSHOTS = '/data/snapshots'
const OPTIONS = {clusterId: 'c1', groupId: groupId(1), wallMs: () => 0}
const OLD = 12
const NEW = 40
const SNAPSHOT_BYTES_PER_CHUNK = 700

/** What the leader holds; the follower has the first entries of it, and a tail that contradicts it. */
function entriesUpTo(last: number, ofTerm = 1): Entry[] {
  const log = new Log(1, ofTerm)
  return [
    log.membership('one'),
    ...Array.from({length: last - 1}, (_, i) => log.command(put(`k${i}`, `v${i}`))),
  ]
}

const leaderEntries = entriesUpTo(NEW)

async function leaderSnapshot(): Promise<{id: string; file: Uint8Array; content: string}> {
  const fs = new SimFileSystem()
  const machine = new MemoryStateMachine()
  await machine.apply(leaderEntries)
  const store = await openSnapshotStore(fs, '/leader', OPTIONS)
  const {id} = await store.create(machine.snapshot())
  return {id, file: fs.content(`/leader/${id}.snap`), content: machine.content()}
}

async function openNode(fs: FileSystem, disk: MemoryDisk) {
  const {wal} = await openWal(fs, WAL, SMALL)
  const store = await openSnapshotStore(fs, SNAPSHOTS, OPTIONS)
  return {wal, store, machine: new MemoryStateMachine(disk)}
}

/** Twelve entries applied, and an uncommitted tail of a term that lost. */
async function prepareFollower(fs: SimFileSystem, disk: MemoryDisk): Promise<void> {
  const {wal, machine} = await openNode(fs, disk)
  const commitIndex = logIndex(OLD)
  const hardState = {term: term(1), votedFor: undefined, commitIndex}
  await wal.append(batch({hardState, entries: leaderEntries.slice(0, OLD)}))
  await wal.append(batch({entries: entriesUpTo(OLD + 5, 1).slice(OLD)}))
  await machine.apply(leaderEntries.slice(0, OLD))
  await machine.flush()
  await wal.close()
}

type Step = 'file' | 'log' | 'state'

async function install(
  fs: FileSystem,
  disk: MemoryDisk,
  {id, file}: {id: string; file: Uint8Array},
  done: (step: Step) => void,
): Promise<void> {
  const {wal, store, machine} = await openNode(fs, disk)
  const receiver = await store.receive(id, file.length)
  for (let at = 0; at < file.length; at += SNAPSHOT_BYTES_PER_CHUNK) {
    await receiver.write(at, file.subarray(at, at + SNAPSHOT_BYTES_PER_CHUNK))
  }
  const info = await receiver.finish()
  done('file')
  const hardState = {term: 1 as Term, votedFor: undefined, commitIndex: info.index}
  await wal.append({reset: {index: info.index, term: info.term}, hardState, entries: []})
  // The segments before the reset are removed behind it; a failure there is noticed here.
  await wal.compact(info.index)
  done('log')
  await machine.restore(info, store.content(info.id))
  done('state')
  await wal.close()
}

for (const mishap of MISHAPS) {
  test(`a node struck by "${mishap}" at any operation has the old state or the snapshot's`, async () => {
    const snapshot = await leaderSnapshot()
    let disk = new MemoryDisk()
    let steps: Step[] = []
    const outcomes = new Set<number>()

    const struck = await strikeEach({
      mishap,
      prepare: async fs => {
        disk = new MemoryDisk()
        steps = []
        await prepareFollower(fs, disk)
      },
      act: fs => install(fs, disk, snapshot, step => steps.push(step)),
      check: async ({fs}) => {
        for (let start = 1; start <= 2; start++) {
          const {wal, store, machine} = await openNode(fs, disk)
          const restored = await recover(wal, machine, store)

          const {appliedIndex} = restored
          outcomes.add(appliedIndex)
          if (steps.includes('log')) expect(appliedIndex).toBe(NEW)
          if (appliedIndex === NEW) {
            expect(machine.content()).toBe(snapshot.content)
            expect([wal.firstIndex(), wal.lastIndex()]).toEqual([NEW + 1, NEW])
            expect(restored.hardState.commitIndex).toBe(NEW)
          } else {
            expect(appliedIndex).toBe(OLD)
            expect(wal.firstIndex()).toBe(1)
            const held = wal.entries(logIndex(1), logIndex(OLD), 1e9)
            expect(held.map(each => `${entryData(each)}`)).toEqual(
              leaderEntries.slice(0, OLD).map(each => `${entryData(each)}`),
            )
          }
          fs.kill()
        }
      },
    })

    expect(struck).toBeGreaterThan(20)
    expect(outcomes).toEqual(new Set([OLD, NEW]))
  })
}

test('a node that ends between any two steps goes on from there', async () => {
  const snapshot = await leaderSnapshot()
  for (const last of ['file', 'log', 'state'] as const) {
    const fs = new SimFileSystem()
    const disk = new MemoryDisk()
    await prepareFollower(fs, disk)
    const stopped = install(fs.mount(), disk, snapshot, step => {
      if (step === last) {
        fs.crash()
        throw new Error('the process is gone')
      }
    })
    await expect(stopped).rejects.toThrow('gone')

    const {wal, store, machine} = await openNode(fs, disk)
    const {appliedIndex} = await recover(wal, machine, store)

    expect(appliedIndex).toBe(NEW)
    expect(machine.content()).toBe(snapshot.content)
    expect(wal.firstIndex()).toBe(NEW + 1)
  }
})

test('a full disk is named as such wherever it is met, and nothing acknowledged is lost', async () => {
  const snapshot = await leaderSnapshot()
  let disk = new MemoryDisk()
  let failure: unknown
  await strikeEach({
    mishap: 'error',
    error: () => new RaftctlError('RAFTCTL_DISK_FULL', 'could not write: ENOSPC'),
    prepare: async fs => {
      disk = new MemoryDisk()
      await prepareFollower(fs, disk)
    },
    act: fs =>
      install(fs, disk, snapshot, () => {}).catch(error => {
        failure = error
        throw error
      }),
    check: async ({fs}) => {
      const {cause = failure} = failure as Error
      const codes = [(failure as RaftctlError).code, (cause as RaftctlError).code]
      expect(codes).toContain('RAFTCTL_DISK_FULL')
      const {wal, store, machine} = await openNode(fs, disk)
      const {appliedIndex} = await recover(wal, machine, store)
      expect([OLD, NEW]).toContain(appliedIndex)
    },
  })
})
