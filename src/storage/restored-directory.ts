/**
 * A data directory made from a snapshot: one voter, a cluster of its own.
 *
 *   marker ─▶ snapshot, under the new identity ─▶ log that begins after it ─▶ node.json ─▶ no marker
 *
 * Each step is durable before the next. While the marker is there without node.json no node starts on
 * the directory, and only another restore may take it, which begins anew.
 */
import {RaftctlError} from '../errors.js'
import type {NodeIdentity} from '../node/ports.js'
import type {Membership} from '../raft/membership.js'
import type {GroupId} from '../raft/types.js'
import {encodeIdentity, type GroupPaths, groupPaths} from './data-directory.js'
import {ensureDirectory, type FileSystem, PARTIAL, writeWholeFile} from './file-system.js'
import {
  openSnapshotFile,
  readBlocks,
  verifySnapshotFile,
  writeSnapshotFile,
} from './snapshot-file.js'
import {snapshotId} from './snapshot-format.js'
import {openWal, type WalOptions} from './wal/wal.js'

/** A node refuses to start beside it. */
const MARKER = `restore${PARTIAL}`
const IDENTITY_FILE = 'node.json'
/** What else an empty directory may hold. */
const NOTHING = new Set(['LOCK', `LOCK${PARTIAL}`, 'lost+found'])

export interface Restoring {
  readonly identity: NodeIdentity
  readonly group: GroupId
  /** Given the snapshot's own, the one that is to hold. */
  readonly membership: (was: Membership) => Membership
  readonly wal?: WalOptions
}

/**
 * RAFTCTL_NOT_PRISTINE: the directory holds something; RAFTCTL_DATA_DAMAGED: the snapshot does not
 * pass; RAFTCTL_DIRECTORY_IN_USE, RAFTCTL_DISK_FULL.
 */
export async function restoreDataDirectory(
  fs: FileSystem,
  path: string,
  file: string,
  restoring: Restoring,
): Promise<void> {
  refuseUsed(fs, path)
  await verifySnapshotFile(fs, file)
  await ensureDirectory(fs, path)
  const lock = await fs.lock(path)
  try {
    refuseUsed(fs, path)
    const marker = `${path}/${MARKER}`
    if (fs.kindOf(marker) === undefined) fs.open(marker, 'create').close()
    await fs.syncDirectory(path)
    await fillGroup(fs, groupPaths(path, restoring.group), file, restoring)
    const encoded = new TextEncoder().encode(encodeIdentity(restoring.identity))
    await writeWholeFile(fs, `${path}/${IDENTITY_FILE}`, encoded)
    fs.remove(marker)
    await fs.syncDirectory(path)
  } finally {
    await lock.release()
  }
}

/**
 * The group's part of a directory: the snapshot under its new identity, and a log that begins after it.
 * What an earlier attempt left there goes first.
 */
export async function fillGroup(
  fs: FileSystem,
  paths: GroupPaths,
  file: string,
  {identity, group, membership, wal: walOptions}: Restoring,
): Promise<void> {
  for (const directory of [paths.wal, paths.snapshots]) await emptyDirectory(fs, directory)
  const source = openSnapshotFile(fs, file)
  const {index, term, createdMs, membership: was} = source.header
  try {
    const {clusterId} = identity
    const meta = {index, term, createdMs, clusterId, groupId: group, membership: membership(was)}
    await ensureDirectory(fs, paths.snapshots)
    const target = `${paths.snapshots}/${snapshotId(index, term)}.snap`
    const making = fs.open(`${target}${PARTIAL}`, 'create')
    try {
      await writeSnapshotFile(fs, making, meta, readBlocks(fs, source), () => {})
    } finally {
      making.close()
    }
    await verifySnapshotFile(fs, `${target}${PARTIAL}`)
    fs.rename(`${target}${PARTIAL}`, target)
    await fs.syncDirectory(paths.snapshots)
  } finally {
    source.file.close()
  }

  const {wal} = await openWal(fs, paths.wal, walOptions)
  const hardState = {term, votedFor: undefined, commitIndex: index}
  await wal.append({reset: {index, term}, hardState, entries: []})
  // Rejects too when the segment before the reset could not be removed.
  await wal.compact(index)
  await wal.close()
}

function refuseUsed(fs: FileSystem, path: string): void {
  if (fs.kindOf(path) === undefined) return
  const names = fs.kindOf(path) === 'directory' ? fs.list(path) : ['a file']
  const begun = names.includes(MARKER) && !names.includes(IDENTITY_FILE)
  const found = names.find(name => !NOTHING.has(name))
  if (begun || found === undefined) return
  throw new RaftctlError('RAFTCTL_NOT_PRISTINE', `${path} is not empty: it holds "${found}"`, {
    hint: 'Give a directory that is empty or does not exist yet.',
    details: {path, file: found},
  })
}

/** Removes the files of a directory that may not be there. */
export async function emptyDirectory(fs: FileSystem, directory: string): Promise<void> {
  if (fs.kindOf(directory) === undefined) return
  for (const name of fs.list(directory)) fs.remove(`${directory}/${name}`)
  await fs.syncDirectory(directory)
}
