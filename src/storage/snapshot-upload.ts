/**
 * A snapshot file that an operator sends to a pristine node, which is to begin with it as a member of a
 * new cluster:
 *
 *   ∅ ──▶ store ──chunks──▶ upload.partial ──verified──▶ staged
 *                                        staged ──unpack──▶ marker, snapshot, log ──node.json──▶ swept
 *
 * Until node.json is there the node is pristine, and a start sweeps away all but its store id: the
 * others may have joined a cluster that counts on this store.
 */
import {createHash} from 'node:crypto'
import {RaftctlError} from '../errors.js'
import type {GroupPaths} from './data-directory.js'
import {
  ensureDirectory,
  type FileSystem,
  type OpenFile,
  parentOf,
  readWholeFile,
  writeWholeFile,
} from './file-system.js'
import {emptyDirectory, fillGroup, type Restoring} from './restored-directory.js'
import {openSnapshotFile, readBlocks, verifySnapshotFile} from './snapshot-file.js'
import type {SnapshotHeader} from './snapshot-format.js'

const STORE = /^[0-9a-f]{32}\n$/
/** Synced in parts, so that the disk's queue stays short. */
const SYNC_EVERY_BYTES = 4 * 1024 * 1024

export interface StagedSnapshot {
  /** Of the whole file, in hex. */
  readonly sha256: string
  readonly header: SnapshotHeader
}

/** Reads all of a snapshot's content and throws unless it can be restored. */
export type CheckContent = (content: AsyncIterable<Uint8Array>) => Promise<unknown>

export class SnapshotUploads {
  readonly #fs: FileSystem
  readonly #paths: GroupPaths
  readonly #check: CheckContent
  #current: Upload | undefined
  #staged: StagedSnapshot | undefined

  constructor(fs: FileSystem, paths: GroupPaths, check: CheckContent) {
    this.#fs = fs
    this.#paths = paths
    this.#check = check
  }

  /** The store id that an earlier process of this pristine node has shown. RAFTCTL_DATA_DAMAGED. */
  static heldStoreId(fs: FileSystem, {store}: GroupPaths): string | undefined {
    if (fs.kindOf(store) === undefined) return undefined
    const text = new TextDecoder().decode(readWholeFile(fs, store))
    if (STORE.test(text)) return text.trim()
    throw new RaftctlError('RAFTCTL_DATA_DAMAGED', `${store} is damaged, or was edited by hand`, {
      hint: 'The node belongs to no cluster: empty its data directory and start it again.',
      details: {file: store, offset: 0},
    })
  }

  /** Ends an upload before it, finished or not; from here on the node keeps its store id. */
  async begin(bytes: number, storeId: string): Promise<Upload> {
    if (!Number.isSafeInteger(bytes) || bytes <= 0) {
      throw new RaftctlError('RAFTCTL_USAGE', `${bytes} bytes are no snapshot`)
    }
    this.#current?.abort()
    this.#staged = undefined
    const path = this.#paths.upload
    await ensureDirectory(this.#fs, parentOf(path))
    await writeWholeFile(this.#fs, this.#paths.store, new TextEncoder().encode(`${storeId}\n`))
    this.#remove(path)
    const upload = new Upload(this.#fs.open(path, 'create'), bytes, {
      finish: sha256 => this.#stage(upload, sha256),
      abandon: () => {
        if (this.#current !== upload) return
        this.#current = undefined
        this.#remove(path)
      },
    })
    this.#current = upload
    return upload
  }

  /**
   * Makes the group's part of the data directory from the staged file; safe to repeat. RAFTCTL_REFUSED
   * unless a file with that digest is staged.
   */
  async unpack(sha256: string, restoring: Restoring): Promise<void> {
    if (this.#staged?.sha256 !== sha256) {
      throw new RaftctlError('RAFTCTL_REFUSED', 'this node holds no upload of that snapshot', {
        hint: 'Repeat the command: it sends the file again.',
        details: {rule: 'not-uploaded', sha256},
      })
    }
    const {marker, upload} = this.#paths
    if (this.#fs.kindOf(marker) === undefined) this.#fs.open(marker, 'create').close()
    await this.#fs.syncDirectory(parentOf(marker))
    await fillGroup(this.#fs, this.#paths, upload, restoring)
  }

  /** Removes what uploads left; of a node that is still pristine, also what was unpacked. */
  async sweep({isPristine}: {isPristine: boolean}): Promise<void> {
    this.#current?.abort()
    this.#staged = undefined
    const {marker, upload, store, wal, snapshots} = this.#paths
    if (isPristine && this.#fs.kindOf(marker) !== undefined) {
      for (const directory of [wal, snapshots]) await emptyDirectory(this.#fs, directory)
    }
    const leftovers = isPristine ? [upload, marker] : [upload, marker, store]
    const found = leftovers.filter(path => this.#fs.kindOf(path) !== undefined)
    if (found.length === 0) return
    for (const path of found) this.#fs.remove(path)
    await this.#fs.syncDirectory(parentOf(marker))
  }

  async #stage(upload: Upload, sha256: string): Promise<StagedSnapshot> {
    const path = this.#paths.upload
    const mayGoOn = () => {
      if (this.#current !== upload) throw ended()
    }
    const {header} = await verifySnapshotFile(this.#fs, path, mayGoOn)
    const snapshot = openSnapshotFile(this.#fs, path)
    try {
      await this.#check(readBlocks(this.#fs, snapshot))
    } finally {
      snapshot.file.close()
    }
    mayGoOn()
    this.#current = undefined
    this.#staged = {sha256, header}
    return this.#staged
  }

  #remove(path: string): void {
    if (this.#fs.kindOf(path) !== undefined) this.#fs.remove(path)
  }
}

interface Ending {
  finish(sha256: string): Promise<StagedSnapshot>
  abandon(): void
}

/** One file on its way in, in pieces that follow each other. */
export class Upload {
  readonly #file: OpenFile
  readonly #bytes: number
  readonly #ending: Ending
  readonly #hash = createHash('sha256')
  #at = 0
  #unsynced = 0
  #isOver = false

  constructor(file: OpenFile, bytes: number, ending: Ending) {
    this.#file = file
    this.#bytes = bytes
    this.#ending = ending
  }

  /** RAFTCTL_USAGE beyond the announced length; RAFTCTL_REFUSED once another upload has begun. */
  async write(piece: Uint8Array): Promise<void> {
    if (this.#isOver) throw ended()
    if (this.#at + piece.length > this.#bytes) {
      throw new RaftctlError('RAFTCTL_USAGE', `more came than the announced ${this.#bytes} bytes`)
    }
    this.#file.write(piece, this.#at)
    this.#hash.update(piece)
    this.#at += piece.length
    this.#unsynced += piece.length
    if (this.#unsynced < SYNC_EVERY_BYTES) return
    this.#unsynced = 0
    await this.#file.syncData()
  }

  /** RAFTCTL_DATA_DAMAGED unless it is a whole snapshot, each record of which can be restored. */
  async finish(): Promise<StagedSnapshot> {
    if (this.#isOver) throw ended()
    if (this.#at < this.#bytes) {
      throw new RaftctlError('RAFTCTL_USAGE', `${this.#at} of ${this.#bytes} bytes came`)
    }
    await this.#file.syncData()
    this.#close()
    return this.#ending.finish(this.#hash.digest('hex'))
  }

  abort(): void {
    this.#close()
    this.#ending.abandon()
  }

  #close(): void {
    if (!this.#isOver) this.#file.close()
    this.#isOver = true
  }
}

function ended(): RaftctlError {
  return new RaftctlError('RAFTCTL_REFUSED', 'another upload has begun, or the node took its place')
}
