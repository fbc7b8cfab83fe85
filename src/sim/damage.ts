import {crc32} from 'node:zlib'
import {RaftctlError} from '../errors.js'
import {groupPaths} from '../storage/data-directory.js'
import {openSnapshotStore} from '../storage/snapshot-store.js'
import {openWal} from '../storage/wal/wal.js'
import {type Disk, Disks} from './checkers/disks.js'
import {LogMatching} from './checkers/log-matching.js'
import {Verdict} from './checkers/verdict.js'
import {CLUSTER_ID, DATA_DIRECTORY, GROUP, type Machine} from './parts.js'
import type {Random} from './random.js'
import {SimFileSystem} from './sim-file-system.js'

/**
 * Flips one bit on a copy of a node's disk and opens that: the damage must be refused, or reported as a
 * cut tail, or have hit nothing that is read. Answers what is wrong, if anything.
 */
export async function detectsDamage(node: Machine, random: Random): Promise<string | undefined> {
  const {wal, snapshots} = groupPaths(DATA_DIRECTORY, GROUP)
  const before = copyOf(node.fs)
  const contents = await snapshotContents(before, snapshots)
  const damaged = copyOf(node.fs)
  const files = [wal, snapshots].flatMap(directory =>
    damaged.kindOf(directory) === 'directory'
      ? damaged.list(directory).map(name => `${directory}/${name}`)
      : [],
  )
  const path = files.length > 0 ? random.pick(files) : undefined
  const content = path === undefined ? undefined : damaged.content(path)
  if (path === undefined || content === undefined || content.length === 0) return undefined
  const at = random.below(content.length)
  content[at] = content[at]! ^ (1 << random.below(8))
  damaged.overwrite(path, content)

  const where = `a bit of ${path} flipped at ${at}`
  if (path.startsWith(snapshots)) return complainOfSnapshots(damaged, snapshots, contents, where)
  return complainOfLog(damaged, wal, node.world.checks.disks.of(node.id), where)
}

async function complainOfLog(
  fs: SimFileSystem,
  path: string,
  disk: Disk,
  where: string,
): Promise<string | undefined> {
  try {
    const opened = await openWal(fs, path, {mustExist: true})
    if (opened.recovery.cut !== undefined || opened.recovery.shortened !== undefined)
      return undefined
    const verdict = new Verdict(() => ({step: 0, atMs: 0}))
    const disks = new Disks(verdict, new LogMatching(verdict))
    const expected = disks.of(0 as never)
    Object.assign(expected, disk.copy(), {pending: disk.pending})
    disks.recovered(0 as never, opened.wal)
    return verdict.violation && `${where}: ${verdict.violation.message}`
  } catch (error) {
    return isNamed(error) ? undefined : `${where}: ${String(error)}`
  }
}

async function complainOfSnapshots(
  fs: SimFileSystem,
  path: string,
  before: ReadonlyMap<string, number>,
  where: string,
): Promise<string | undefined> {
  try {
    for (const [id, checksum] of await snapshotContents(fs, path)) {
      if (before.get(id) !== checksum) return `${where}: snapshot ${id} is read all the same`
    }
    return undefined
  } catch (error) {
    return isNamed(error) ? undefined : `${where}: ${String(error)}`
  }
}

async function snapshotContents(fs: SimFileSystem, path: string): Promise<Map<string, number>> {
  const contents = new Map<string, number>()
  const options = {clusterId: CLUSTER_ID, groupId: GROUP, wallMs: () => 0}
  const store = await openSnapshotStore(fs, path, options)
  for (const {id} of store.list()) {
    let checksum = 0
    for await (const block of store.content(id)) checksum = crc32(block, checksum)
    contents.set(id, checksum)
  }
  return contents
}

function isNamed(error: unknown): boolean {
  return (
    error instanceof RaftctlError &&
    (error.code === 'RAFTCTL_DATA_DAMAGED' || error.code === 'RAFTCTL_FORMAT_NEWER')
  )
}

function copyOf(fs: SimFileSystem): SimFileSystem {
  const copy = new SimFileSystem()
  const visit = (path: string) => {
    for (const name of fs.list(path)) {
      const child = path === '/' ? `/${name}` : `${path}/${name}`
      if (fs.kindOf(child) === 'directory') {
        copy.makeDirectory(child)
        visit(child)
      } else copy.overwrite(child, fs.content(child))
    }
  }
  visit('/')
  return copy
}
