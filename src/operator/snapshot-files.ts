/** Snapshots as files of the person's own: save, look at, verify, restore. */
import {createHash, randomBytes} from 'node:crypto'
import {realpathSync} from 'node:fs'
import {resolve} from 'node:path'
import type {ClusterClient} from '../client/cluster-client.js'
import type {Snapshot} from '../client/types.js'
import {RaftctlError} from '../errors.js'
import {countContent} from '../kv/content.js'
import type {Membership} from '../raft/membership.js'
import {groupId, nodeId} from '../raft/types.js'
import type {FileSystem} from '../storage/file-system.js'
import {PARTIAL, parentOf} from '../storage/file-system.js'
import {NodeFileSystem} from '../storage/node-file-system.js'
import {restoreDataDirectory} from '../storage/restored-directory.js'
import {openSnapshotFile, readBlocks, verifySnapshotFile} from '../storage/snapshot-file.js'
import {type SnapshotHeader, snapshotId} from '../storage/snapshot-format.js'
import {SnapshotStreamCheck} from '../storage/snapshot-stream.js'
import {memberAddress} from './resolve-member.js'

/** A store of many gigabytes takes its time to be written. */
const CREATE_MS = 3_600_000
const HASH_CHUNK_BYTES = 1024 * 1024

/** What a snapshot says of itself; its content is not looked at. */
export interface SnapshotDescription {
  readonly file: string
  readonly id: string
  readonly clusterId: string
  readonly index: number
  readonly term: number
  readonly sizeBytes: number
  readonly created: string
  readonly membershipIndex: number
  readonly voters: readonly number[]
  readonly learners: readonly number[]
  readonly observers: readonly number[]
  readonly members: Membership['members']
}

/** RAFTCTL_FILE_NOT_FOUND, RAFTCTL_DATA_DAMAGED, RAFTCTL_FORMAT_NEWER. */
export function describeSnapshotFile(path: string): SnapshotDescription {
  const file = existingFile(path)
  const snapshot = openSnapshotFile(new NodeFileSystem(), file)
  snapshot.file.close()
  return descriptionOf(path, snapshot.header, snapshot.bytes)
}

export interface SnapshotVerification extends SnapshotDescription {
  readonly sha256: string
  readonly keys: number
  readonly sessions: number
}

/** Reads every byte: checksums of all blocks, and each record of the state. */
export async function verifySnapshot(path: string): Promise<SnapshotVerification> {
  const fs = new NodeFileSystem()
  const file = existingFile(path)
  const snapshot = await verifySnapshotFile(fs, file)
  const counts = await checkContent(fs, file)
  const described = descriptionOf(path, snapshot.header, snapshot.bytes)
  return {...described, sha256: await sha256Of(fs, file), ...counts}
}

export interface SaveOptions {
  /** undefined: the leader. */
  readonly member?: string | undefined
  /** The newest that there is, instead of a new one. */
  readonly latest: boolean
  /** Whatever the node has applied, though nobody leads. */
  readonly stale: boolean
  /** How long a new one may take to be written; undefined: as long as a large store needs. */
  readonly createMs?: number | undefined
}

export interface SavedSnapshot {
  readonly clusterId: string
  readonly id: string
  readonly index: number
  readonly term: number
  readonly sizeBytes: number
  readonly sha256: string
  /** null: standard output. */
  readonly file: string | null
  readonly nodeId: number
}

/**
 * To a temporary file beside `path`, which gets the name once it is whole, verified and synced.
 * RAFTCTL_REFUSED: there is such a file already. RAFTCTL_FILE_NOT_FOUND: no such directory.
 */
export async function saveSnapshot(
  client: ClusterClient,
  path: string,
  {overwrite, onBytes, ...options}: SaveOptions & {overwrite: boolean; onBytes?: OnBytes},
): Promise<SavedSnapshot> {
  const fs = new NodeFileSystem()
  const target = resolve(path)
  refuseTaken(fs, target, overwrite)
  if (fs.kindOf(parentOf(target)) === undefined) throw noDirectory(parentOf(target))
  const partial = `${target}.${randomBytes(6).toString('hex')}${PARTIAL}`
  try {
    const file = fs.open(partial, 'create')
    let saved: SavedSnapshot
    try {
      let at = 0
      saved = await streamSnapshot(client, options, async (piece, size) => {
        file.write(piece, at)
        at += piece.length
        onBytes?.(at, size)
      })
      await file.syncData()
    } finally {
      file.close()
    }
    // What the disk holds, not what was sent.
    await verifySnapshotFile(fs, partial)
    refuseTaken(fs, target, overwrite)
    fs.rename(partial, target)
    await fs.syncDirectory(parentOf(target))
    return {...saved, file: path}
  } catch (error) {
    if (fs.kindOf(partial) !== undefined) fs.remove(partial)
    throw error
  }
}

type OnBytes = (done: number, all: number) => void

/** Hands the pieces on while they are checked; resolves once the end was right too. */
export async function streamSnapshot(
  client: ClusterClient,
  options: SaveOptions,
  take: (piece: Uint8Array, sizeBytes: number) => Promise<void>,
): Promise<SavedSnapshot> {
  const {address, id, nodeId: from, sizeBytes} = await chooseSnapshot(client, options)
  const check = new SnapshotStreamCheck(`snapshot ${id} from ${address}`)
  const hash = createHash('sha256')
  for await (const piece of client.downloadSnapshot(address, id)) {
    check.push(piece)
    hash.update(piece)
    await take(piece, sizeBytes)
  }
  const {clusterId, index, term} = check.finish()
  const sha256 = hash.digest('hex')
  return {clusterId, id, index, term, sizeBytes, sha256, file: null, nodeId: from}
}

async function chooseSnapshot(
  client: ClusterClient,
  {member, latest, stale, createMs = CREATE_MS}: SaveOptions,
): Promise<Snapshot & {address: string}> {
  const wanted = await memberAddress(client, member)
  if (!latest) {
    const address = wanted ?? (stale ? await anyAddress(client) : undefined)
    // Writing it may take long; that nobody leads is told as soon as of any other call.
    if (address === undefined) await client.leaderStatus()
    return client.createSnapshot(address, {linearizable: !stale, timeoutMs: createMs})
  }
  const address =
    wanted ?? (stale ? await anyAddress(client) : (await client.leaderStatus()).address)
  const newest = (await client.listSnapshots(address)).at(-1)
  if (newest !== undefined) return {...newest, address}
  throw new RaftctlError('RAFTCTL_SNAPSHOT_NOT_FOUND', `${address} holds no snapshot yet`, {
    hint: 'Leave --latest away: then a new one is made.',
  })
}

/** The member that answers and has applied most. */
async function anyAddress(client: ClusterClient): Promise<string> {
  const {members} = await client.clusterStatus()
  const answering = members.filter(each => each.reachable && each.appliedIndex !== null)
  const best = answering.sort((a, b) => b.appliedIndex! - a.appliedIndex!)[0]
  if (best !== undefined) return best.address
  throw new RaftctlError('RAFTCTL_UNREACHABLE', 'no member answers', {
    hint: 'Check that the nodes run and that the endpoints are right.',
  })
}

export interface Restored {
  readonly clusterId: string
  readonly nodeId: number
  readonly address: string
  readonly dataDir: string
  readonly index: number
  readonly term: number
  readonly keys: number
  readonly sessions: number
  /** Of the cluster that the snapshot was taken from. */
  readonly fromClusterId: string
}

export interface RestoreOptions {
  readonly dataDir: string
  /** host:port under which the node is to run. */
  readonly address: string
  readonly name: string
  readonly actor: string
}

/**
 * A data directory of one voter in a cluster of its own, which holds what the snapshot held. Every
 * record is read before anything is written. RAFTCTL_NOT_PRISTINE, RAFTCTL_DATA_DAMAGED.
 */
export async function restoreSnapshot(path: string, options: RestoreOptions): Promise<Restored> {
  const fs = new NodeFileSystem()
  const file = existingFile(path)
  const {header} = await verifySnapshotFile(fs, file)
  const counts = await checkContent(fs, file)
  const clusterId = randomBytes(16).toString('hex')
  const storeId = randomBytes(16).toString('hex')
  const dataDir = resolve(options.dataDir)
  const {address, name, actor} = options
  const id = nodeId(1)
  await restoreDataDirectory(fs, dataDir, file, {
    identity: {clusterId, nodeId: id, storeId},
    group: groupId(1),
    membership: ({index}) => ({
      index,
      members: [{id, name, address, storeId, promoteWhenReady: false}],
      voters: [id],
      votersOutgoing: [],
      learners: [],
      learnersNext: [],
      observers: [],
      target: undefined,
      nextMemberId: 2,
      origin: {timeMs: Date.now(), actor, reason: `restored from cluster ${header.clusterId}`},
    }),
  })
  const {index, term, clusterId: fromClusterId} = header
  return {clusterId, nodeId: id, address, dataDir, index, term, ...counts, fromClusterId}
}

export async function checkContent(
  fs: FileSystem,
  path: string,
): Promise<{keys: number; sessions: number}> {
  const snapshot = openSnapshotFile(fs, path)
  try {
    return await countContent(readBlocks(fs, snapshot))
  } finally {
    snapshot.file.close()
  }
}

export async function sha256Of(fs: FileSystem, path: string): Promise<string> {
  const file = fs.open(path, 'read')
  const hash = createHash('sha256')
  const chunk = new Uint8Array(HASH_CHUNK_BYTES)
  try {
    for (let at = 0; ; ) {
      const count = file.read(chunk, at)
      if (count === 0) return hash.digest('hex')
      hash.update(chunk.subarray(0, count))
      at += count
      await fs.yieldTurn()
    }
  } finally {
    file.close()
  }
}

function refuseTaken(fs: FileSystem, path: string, overwrite: boolean): void {
  const kind = fs.kindOf(path)
  if (kind === undefined || (kind === 'file' && overwrite)) return
  const isFile = kind === 'file'
  throw new RaftctlError('RAFTCTL_REFUSED', `${path} exists already`, {
    hint: isFile ? 'Add --overwrite to replace it.' : 'It is no file: give another name.',
    details: {rule: 'file-exists', path},
  })
}

function noDirectory(path: string): RaftctlError {
  return new RaftctlError('RAFTCTL_FILE_NOT_FOUND', `there is no directory ${path}`, {
    hint: 'Make it first, or save the snapshot elsewhere.',
    details: {path},
  })
}

export function existingFile(path: string): string {
  try {
    return realpathSync(path)
  } catch (cause) {
    throw new RaftctlError('RAFTCTL_FILE_NOT_FOUND', `there is no file ${path}`, {
      hint: 'Give the name of a file that "raftctl snapshot save" wrote.',
      details: {path},
      cause,
    })
  }
}

function descriptionOf(
  file: string,
  header: SnapshotHeader,
  sizeBytes: number,
): SnapshotDescription {
  const {clusterId, index, term, createdMs, membership} = header
  const {voters, learners, observers, members} = membership
  return {
    file,
    id: snapshotId(index, term),
    clusterId,
    index,
    term,
    sizeBytes,
    created: new Date(createdMs).toISOString(),
    membershipIndex: membership.index,
    voters,
    learners,
    observers,
    members,
  }
}
