/**
 * A node's data directory: what it holds is listed in storage.md's terms by raftctl-wal(5).
 *
 *   node.json                  identity; absent on a pristine node
 *   LOCK                       the process that has it
 *   groups/<group>/wal/        openWal
 *   groups/<group>/snapshots/  openSnapshotStore
 *   groups/<group>/state/      the state machine's own
 *   groups/<group>/*.partial   SnapshotUploads, and groups/<group>/store
 */
import {crc32} from 'node:zlib'
import {RaftctlError} from '../errors.js'
import type {NodeIdentity} from '../node/ports.js'
import type {GroupId, NodeId} from '../raft/types.js'
import {
  type DirectoryLock,
  ensureDirectory,
  type FileSystem,
  PARTIAL,
  readWholeFile,
  writeWholeFile,
} from './file-system.js'

export const DATA_FORMAT_VERSION = 1

const IDENTITY_FILE = 'node.json'
/** What may lie in a directory without an identity: our own beginnings, and a file system's root. */
const OURS = new Set([
  'LOCK',
  'groups',
  `LOCK${PARTIAL}`,
  `${IDENTITY_FILE}${PARTIAL}`,
  'lost+found',
])

export interface GroupPaths {
  readonly wal: string
  readonly snapshots: string
  readonly state: string
  /** A snapshot that an operator sends to a pristine node. */
  readonly upload: string
  /** The store id that a pristine node keeps from its first upload on, so that it is known again. */
  readonly store: string
  /** There while a pristine node unpacks one: without node.json beside it, nothing here counts. */
  readonly marker: string
}

export interface DataDirectory {
  readonly path: string
  /** undefined: pristine. */
  readonly identity: NodeIdentity | undefined
  groupPaths(group: GroupId): GroupPaths
  /**
   * Makes the node that one, for good; resolves once that is durable. The same identity again is
   * success, another RAFTCTL_NOT_PRISTINE.
   */
  writeIdentity(identity: NodeIdentity): Promise<void>
  /** Lets another process have the directory. */
  release(): Promise<void>
}

/**
 * Takes the directory for this process, making it if need be. RAFTCTL_DIRECTORY_IN_USE names the
 * process that has it; RAFTCTL_NOT_PRISTINE: it holds files of something else; RAFTCTL_DATA_DAMAGED,
 * RAFTCTL_FORMAT_NEWER: its identity can't be read.
 */
export async function openDataDirectory(fs: FileSystem, path: string): Promise<DataDirectory> {
  if (fs.kindOf(path) === 'file') {
    throw new RaftctlError('RAFTCTL_NOT_PRISTINE', `${path} is a file`, {
      hint: 'Give --data-dir an empty or a new directory.',
      details: {path},
    })
  }
  await ensureDirectory(fs, path, {ours: false})
  refuseForeign(fs, path)
  const lock = await fs.lock(path)
  try {
    const identity = readIdentity(fs, path)
    const partial = `${path}/${IDENTITY_FILE}${PARTIAL}`
    if (fs.kindOf(partial) !== undefined) fs.remove(partial)
    // Whoever wrote the identity may have been killed before its name was durable; promises that are
    // made under it must not outlive it.
    if (identity !== undefined) await fs.syncDirectory(path)
    return new LockedDirectory(fs, path, identity, lock)
  } catch (error) {
    await lock.release()
    throw error
  }
}

/** Without a lock, of a live or dead directory: for reading offline. undefined: pristine. */
export function readIdentity(fs: FileSystem, path: string): NodeIdentity | undefined {
  const file = `${path}/${IDENTITY_FILE}`
  if (fs.kindOf(file) === undefined) return undefined
  return decodeIdentity(file, readWholeFile(fs, file))
}

export function groupPaths(path: string, group: GroupId): GroupPaths {
  const base = `${path}/groups/${group}`
  return {
    wal: `${base}/wal`,
    snapshots: `${base}/snapshots`,
    state: `${base}/state`,
    upload: `${base}/upload${PARTIAL}`,
    store: `${base}/store`,
    marker: `${base}/unpacking${PARTIAL}`,
  }
}

class LockedDirectory implements DataDirectory {
  readonly path: string
  #fs: FileSystem
  #identity: NodeIdentity | undefined
  #lock: DirectoryLock

  constructor(
    fs: FileSystem,
    path: string,
    identity: NodeIdentity | undefined,
    lock: DirectoryLock,
  ) {
    this.#fs = fs
    this.path = path
    this.#identity = identity
    this.#lock = lock
  }

  get identity(): NodeIdentity | undefined {
    return this.#identity
  }

  groupPaths(group: GroupId): GroupPaths {
    return groupPaths(this.path, group)
  }

  async writeIdentity(identity: NodeIdentity): Promise<void> {
    const held = this.#identity
    if (held !== undefined) {
      if (encodeIdentity(held) === encodeIdentity(identity)) return
      throw new RaftctlError(
        'RAFTCTL_NOT_PRISTINE',
        `${this.path} belongs to node ${held.nodeId} of cluster ${held.clusterId}`,
        {hint: 'Give the new node an empty directory.', details: {...held}},
      )
    }
    const content = new TextEncoder().encode(encodeIdentity(identity))
    await writeWholeFile(this.#fs, `${this.path}/${IDENTITY_FILE}`, content)
    this.#identity = identity
  }

  release(): Promise<void> {
    return this.#lock.release()
  }
}

function refuseForeign(fs: FileSystem, path: string): void {
  const names = fs.list(path)
  if (names.includes(IDENTITY_FILE)) return
  const foreign = names.find(name => !OURS.has(name))
  if (foreign === undefined) return
  throw new RaftctlError(
    'RAFTCTL_NOT_PRISTINE',
    `${path} is not empty, and no data directory of a node: it holds "${foreign}"`,
    {hint: 'Give --data-dir an empty or a new directory.', details: {path, file: foreign}},
  )
}

export function encodeIdentity({clusterId, nodeId, storeId}: NodeIdentity): string {
  const fields = {formatVersion: DATA_FORMAT_VERSION, clusterId, nodeId, storeId}
  return `${JSON.stringify({...fields, checksum: checksumOf(fields)}, null, 2)}\n`
}

function checksumOf(fields: object): string {
  return crc32(JSON.stringify(fields)).toString(16).padStart(8, '0')
}

function decodeIdentity(file: string, content: Uint8Array): NodeIdentity {
  let value: Record<string, unknown>
  try {
    value = JSON.parse(new TextDecoder('utf-8', {fatal: true}).decode(content))
  } catch (error) {
    throw damagedIdentity(file, error)
  }
  const {formatVersion, clusterId, nodeId, storeId, checksum} = value ?? {}
  if (typeof formatVersion === 'number' && formatVersion > DATA_FORMAT_VERSION) {
    throw new RaftctlError(
      'RAFTCTL_FORMAT_NEWER',
      `${file} was written by a newer raftctl (data format ${formatVersion})`,
      {hint: 'Start this node with that version, or a later one.', details: {file, formatVersion}},
    )
  }
  const isWhole =
    typeof clusterId === 'string' &&
    typeof storeId === 'string' &&
    Number.isSafeInteger(nodeId) &&
    (nodeId as number) > 0 &&
    checksum === checksumOf({formatVersion, clusterId, nodeId, storeId})
  if (!isWhole) throw damagedIdentity(file)
  return {clusterId, nodeId: nodeId as NodeId, storeId}
}

function damagedIdentity(file: string, cause?: unknown): RaftctlError {
  return new RaftctlError('RAFTCTL_DATA_DAMAGED', `${file} is damaged, or was edited by hand`, {
    hint: 'Restore the file. If it is lost, give the node an empty directory and run "raftctl member replace".',
    details: {file, offset: 0},
    cause,
  })
}
