/**
 * The snapshots of one group, as files. A name in the directory is a promise that the file behind it
 * was whole, verified and synced when it got that name:
 *
 *   create   content ──▶ making.partial ──sync──read back──rename──sync directory──▶ <id>.snap
 *   receive  chunks ──▶ incoming.partial ──sync──verify──rename──sync directory──▶ <id>.snap
 *
 * A crash leaves partial files, which are removed at start, or one file more than is kept.
 */
import {RaftctlError} from '../errors.js'
import type {
  SnapshotInfo,
  SnapshotReceiver,
  SnapshotStore,
  StateSnapshot,
  UnusableSnapshot,
} from '../node/ports.js'
import type {GroupId} from '../raft/types.js'
import type {FileSystem} from './file-system.js'
import {ensureDirectory, PARTIAL} from './file-system.js'
import {
  damagedSnapshot,
  openSnapshotFile,
  readBlocks,
  readChecked,
  type SnapshotFile,
  verifySnapshotFile,
  writeSnapshotFile,
} from './snapshot-file.js'
import {parseSnapshotId, snapshotId} from './snapshot-format.js'
import {IncomingFile, WholeAlready} from './snapshot-receiver.js'

export interface SnapshotStoreOptions {
  readonly clusterId: string
  readonly groupId: GroupId
  /** Milliseconds since 1970, for the time of creation. */
  readonly wallMs: () => number
  /** How many are kept; at least 1. */
  readonly keep?: number
  /** Told of each file that can't be used, at the start and whenever one is found later. */
  readonly onUnusable?: (found: UnusableSnapshot) => void
}

const KEEP = 3
const SUFFIX = '.snap'
/** A snapshot that turned out to be damaged loses its name, which was a promise, and keeps its content. */
const DAMAGED = '.snap.damaged'

/** Removes what was not finished, and looks at header, trailer and size of everything else. */
export async function openSnapshotStore(
  fs: FileSystem,
  directory: string,
  options: SnapshotStoreOptions,
): Promise<FileSnapshotStore> {
  await ensureDirectory(fs, directory)
  const infos: SnapshotInfo[] = []
  const unusable: UnusableSnapshot[] = []
  for (const name of fs.list(directory)) {
    const path = `${directory}/${name}`
    if (name.endsWith(PARTIAL)) {
      fs.remove(path)
      continue
    }
    if (name.endsWith(DAMAGED)) {
      unusable.push({file: path, error: setAsideBefore(path)})
      continue
    }
    const id = name.endsWith(SUFFIX) ? name.slice(0, -SUFFIX.length) : ''
    if (parseSnapshotId(id) === undefined) continue
    try {
      const snapshot = openSnapshotFile(fs, path)
      snapshot.file.close()
      infos.push(infoOf(checkOwn(snapshot, id, options)))
    } catch (error) {
      const isOurs =
        error instanceof RaftctlError &&
        (error.code === 'RAFTCTL_DATA_DAMAGED' ||
          error.code === 'RAFTCTL_FORMAT_NEWER' ||
          error.code === 'RAFTCTL_OTHER_CLUSTER_DATA')
      if (!isOurs) throw error
      unusable.push({file: path, error})
    }
  }
  await fs.syncDirectory(directory)
  for (const each of unusable) options.onUnusable?.(each)
  return new FileSnapshotStore(fs, directory, options, {infos, unusable})
}

export class FileSnapshotStore implements SnapshotStore {
  #fs: FileSystem
  #directory: string
  #options: SnapshotStoreOptions
  /** Ordered by term, then index, which is the order of ids. */
  #infos: SnapshotInfo[]
  #unusable: UnusableSnapshot[]
  /** Position of the one being made; aborted by an incoming one at or after it. */
  #making: {readonly index: number; isAborted: boolean} | undefined
  #incoming: IncomingFile | undefined

  constructor(
    fs: FileSystem,
    directory: string,
    options: SnapshotStoreOptions,
    found: {infos: SnapshotInfo[]; unusable: UnusableSnapshot[]},
  ) {
    this.#fs = fs
    this.#directory = directory
    this.#options = options
    this.#infos = found.infos.sort((a, b) => (a.id < b.id ? -1 : 1))
    this.#unusable = found.unusable
  }

  list(): SnapshotInfo[] {
    return [...this.#infos]
  }

  latest(): SnapshotInfo | undefined {
    return this.#infos.at(-1)
  }

  unusable(): readonly UnusableSnapshot[] {
    return [...this.#unusable]
  }

  /**
   * RAFTCTL_CHANGE_IN_FLIGHT while another is being made; RAFTCTL_REFUSED when a snapshot from the
   * leader arrived meanwhile that holds as much. What is there already is not made again.
   */
  async create(source: StateSnapshot, signal?: AbortSignal): Promise<SnapshotInfo> {
    const {index, term, membership} = source.meta
    const id = snapshotId(index, term)
    const existing = this.#infos.find(info => info.id === id)
    if (existing !== undefined) return existing
    if (this.#making !== undefined) {
      throw new RaftctlError('RAFTCTL_CHANGE_IN_FLIGHT', 'a snapshot is being made already', {
        hint: 'Wait for it: "raftctl snapshot list".',
      })
    }
    const making = {index, isAborted: false}
    this.#making = making
    const mayGoOn = () => {
      signal?.throwIfAborted()
      refuseAborted(making)
    }
    const path = `${this.#directory}/making${PARTIAL}`
    try {
      const {clusterId, groupId, wallMs} = this.#options
      const meta = {index, term, membership, clusterId, groupId, createdMs: wallMs()}
      this.#removeFile(path)
      const file = this.#fs.open(path, 'create')
      try {
        await writeSnapshotFile(this.#fs, file, meta, source.content, mayGoOn)
      } finally {
        file.close()
      }
      const snapshot = await verifySnapshotFile(this.#fs, path, mayGoOn)
      mayGoOn()
      return await this.#adopt(path, checkOwn(snapshot, id, this.#options))
    } catch (error) {
      this.#removeFile(path)
      throw error
    } finally {
      this.#making = undefined
    }
  }

  /** Opened at once, so that it can be read to its end even if it is dropped meanwhile. */
  content(id: string): AsyncGenerator<Uint8Array> {
    return this.#blocks(openSnapshotFile(this.#fs, this.#listedPathOf(id)))
  }

  async *read(id: string, offset: number, chunkBytes: number): AsyncGenerator<Uint8Array> {
    const path = this.#listedPathOf(id)
    try {
      if (this.#fs.kindOf(path) === undefined) throw damagedSnapshot(path, 0, 'the file is gone')
      const snapshot = openSnapshotFile(this.#fs, path)
      try {
        yield* readChecked(this.#fs, snapshot, offset, chunkBytes)
      } finally {
        snapshot.file.close()
      }
    } catch (error) {
      if (error instanceof RaftctlError && error.code === 'RAFTCTL_DATA_DAMAGED') {
        await this.#setAside(id, error)
      }
      throw error
    }
  }

  async remove(id: string): Promise<void> {
    const damaged = `${this.#directory}/${id}${DAMAGED}`
    const unusable = this.#unusable.filter(
      ({file}) => file === damaged || file === this.#pathOf(id),
    )
    const paths = unusable.map(({file}) => file)
    if (this.#infos.some(info => info.id === id) || unusable.length === 0) {
      paths.push(this.#listedPathOf(id))
    }
    this.#infos = this.#infos.filter(info => info.id !== id)
    for (const path of paths) {
      if (this.#fs.kindOf(path) !== undefined) await this.#fs.discardInPieces(path)
    }
    await this.#fs.syncDirectory(this.#directory)
    this.#unusable = this.#unusable.filter(each => !unusable.includes(each))
  }

  /**
   * RAFTCTL_USAGE for an id or a length that no snapshot has; RAFTCTL_REFUSED while a newer one is
   * coming in. A receiver of the same file goes on where the last one was left.
   */
  async receive(id: string, bytes: number): Promise<SnapshotReceiver> {
    const position = parseSnapshotId(id)
    if (position === undefined || !Number.isSafeInteger(bytes) || bytes <= 0) {
      throw new RaftctlError('RAFTCTL_USAGE', `"${id}" of ${bytes} bytes is no snapshot`)
    }
    const existing = this.#infos.find(info => info.id === id)
    if (existing !== undefined) return new WholeAlready(existing)
    const before = this.#incoming
    if (before !== undefined && before.id > id) {
      throw new RaftctlError('RAFTCTL_REFUSED', `the newer snapshot ${before.id} is coming in`)
    }
    if (before !== undefined && before.id === id && before.isFinishing) {
      throw new RaftctlError('RAFTCTL_CHANGE_IN_FLIGHT', `snapshot ${id} is being verified`)
    }
    if (this.#making !== undefined && this.#making.index <= position.index) {
      this.#making.isAborted = true
    }
    const continues = before !== undefined && before.id === id && before.bytes === bytes
    const path = `${this.#directory}/incoming${PARTIAL}`
    const offset = continues ? before.detach() : 0
    before?.detach()
    if (offset === 0) this.#removeFile(path)

    const file = this.#fs.open(path, offset === 0 ? 'create' : 'write')
    const incoming = new IncomingFile(this.#fs, file, id, bytes, offset, {
      finish: () => this.#finish(incoming, path),
      abandon: () => {
        if (this.#incoming !== incoming) return
        this.#incoming = undefined
        this.#removeFile(path)
      },
    })
    this.#incoming = incoming
    return incoming
  }

  async #finish(incoming: IncomingFile, path: string): Promise<SnapshotInfo> {
    const snapshot = await verifySnapshotFile(this.#fs, path)
    incoming.refuseIfOver()
    const info = await this.#adopt(path, checkOwn(snapshot, incoming.id, this.#options))
    if (this.#incoming === incoming) this.#incoming = undefined
    return info
  }

  /** Gives a verified file its name, then drops the oldest beyond the limit. */
  async #adopt(partial: string, snapshot: SnapshotFile): Promise<SnapshotInfo> {
    const info = infoOf(snapshot)
    this.#fs.rename(partial, this.#pathOf(info.id))
    await this.#fs.syncDirectory(this.#directory)
    const others = this.#infos.filter(({id}) => id !== info.id)
    this.#infos = [...others, info].sort((a, b) => (a.id < b.id ? -1 : 1))
    const surplus = this.#infos.length - Math.max(1, this.#options.keep ?? KEEP)
    if (surplus <= 0) return info
    const dropped = this.#infos.slice(0, surplus)
    this.#infos = this.#infos.slice(surplus)
    for (const {id} of dropped) await this.#fs.discardInPieces(this.#pathOf(id))
    await this.#fs.syncDirectory(this.#directory)
    return info
  }

  /** Nobody is given it any more, after a restart neither; an operator may look at it. */
  async #setAside(id: string, error: RaftctlError): Promise<void> {
    if (!this.#infos.some(info => info.id === id)) return
    this.#infos = this.#infos.filter(info => info.id !== id)
    const path = this.#pathOf(id)
    const file = `${this.#directory}/${id}${DAMAGED}`
    const found = {file, error}
    this.#unusable = [...this.#unusable.filter(each => each.file !== file), found]
    this.#options.onUnusable?.(found)
    if (this.#fs.kindOf(path) === undefined) return
    this.#fs.rename(path, file)
    await this.#fs.syncDirectory(this.#directory)
  }

  async *#blocks(snapshot: SnapshotFile): AsyncGenerator<Uint8Array> {
    try {
      yield* readBlocks(this.#fs, snapshot)
    } finally {
      snapshot.file.close()
    }
  }

  #pathOf(id: string): string {
    return `${this.#directory}/${id}${SUFFIX}`
  }

  #listedPathOf(id: string): string {
    if (!this.#infos.some(info => info.id === id)) {
      throw new RaftctlError('RAFTCTL_SNAPSHOT_NOT_FOUND', `there is no snapshot "${id}"`, {
        hint: 'Run "raftctl snapshot list" to see them.',
      })
    }
    return this.#pathOf(id)
  }

  #removeFile(path: string): void {
    if (this.#fs.kindOf(path) !== undefined) this.#fs.remove(path)
  }
}

function setAsideBefore(path: string): RaftctlError {
  return damagedSnapshot(path, 0, 'the snapshot was found damaged')
}

function refuseAborted(making: {isAborted: boolean}): void {
  if (!making.isAborted) return
  throw new RaftctlError('RAFTCTL_REFUSED', 'a snapshot from the leader came in meanwhile')
}

/** A file of another cluster or group, or under another's name, is none of ours. */
function checkOwn(snapshot: SnapshotFile, id: string, options: SnapshotStoreOptions): SnapshotFile {
  const {header, file} = snapshot
  if (header.clusterId !== options.clusterId || header.groupId !== options.groupId) {
    throw new RaftctlError(
      'RAFTCTL_OTHER_CLUSTER_DATA',
      `${file.path} is a snapshot of cluster ${header.clusterId}, group ${header.groupId}`,
      {hint: 'Remove the file, or move it to where it belongs.'},
    )
  }
  if (snapshotId(header.index, header.term) !== id) {
    throw damagedSnapshot(file.path, 0, `the snapshot is not ${id}, whose name it bears`)
  }
  return snapshot
}

function infoOf({header, bytes}: SnapshotFile): SnapshotInfo {
  const {index, term, membership, createdMs} = header
  return {id: snapshotId(index, term), index, term, membership, bytes, createdMs}
}
