/**
 * A disk in memory that behaves as badly as a real one may. Content is what running code sees; a crash
 * leaves what was synced, and of everything else whatever chance picks: each unsynced sector of 512
 * bytes on its own, each unsynced change of a directory on its own as far as it does not build on a
 * lost one. After a failed sync the sectors it covered are lost for good, as on a kernel that marks
 * them clean.
 */
import {RaftctlError} from '../errors.js'
import type {DirectoryLock, FileSystem, OpenFile, OpenMode} from '../storage/file-system.js'
import {baseName, parentOf} from '../storage/file-system.js'

export type SimOperation =
  | 'open'
  | 'write'
  | 'sync'
  | 'rename'
  | 'remove'
  | 'make-directory'
  | 'sync-directory'

export interface SimFileSystemOptions {
  /** Uniform in [0, 1); decides what a crash keeps. Without it a crash keeps nothing unsynced. */
  readonly random?: () => number
  /** Called before each operation; what it answers is thrown instead of doing it. */
  readonly fault?: (operation: SimOperation, path: string) => Error | undefined
  /** A sync of a file's content takes effect when this resolves; at once without it. */
  readonly syncPause?: (path: string) => Promise<void> | undefined
  /** The same for a directory. */
  readonly directorySyncPause?: (path: string) => Promise<void> | undefined
}

const SECTOR_BYTES = 512

class SimInode {
  bytes = new Uint8Array(0)
  size = 0
  /** What survives a crash for certain. */
  synced = new Uint8Array(0)
  syncedSize = 0
  /** Sectors written since the last sync. */
  readonly dirty = new Set<number>()

  grow(size: number): void {
    if (size <= this.bytes.length) return
    const larger = new Uint8Array(Math.max(size, this.bytes.length * 2, 4096))
    larger.set(this.bytes.subarray(0, this.size))
    this.bytes = larger
  }

  write(content: Uint8Array, position: number): void {
    const end = position + content.length
    this.grow(end)
    this.bytes.set(content, position)
    this.size = Math.max(this.size, end)
    const last = Math.floor((end - 1) / SECTOR_BYTES)
    for (let s = Math.floor(position / SECTOR_BYTES); s <= last; s++) this.dirty.add(s)
  }

  /** Makes these sectors durable as they are now; all that are not yet, unless told. */
  sync(sectors: readonly number[] = [...this.dirty]): void {
    if (this.synced.length < this.size) {
      const larger = new Uint8Array(this.bytes.length)
      larger.set(this.synced.subarray(0, this.syncedSize))
      this.synced = larger
    }
    for (const sector of sectors) {
      this.#keep(sector, this.size)
      this.dirty.delete(sector)
    }
    this.syncedSize = this.size
  }

  crash(random: (() => number) | undefined): void {
    const size = random !== undefined && random() < 0.5 ? this.size : this.syncedSize
    const left = new Uint8Array(size)
    left.set(this.synced.subarray(0, Math.min(size, this.syncedSize)))
    if (random !== undefined) {
      for (const sector of this.dirty) {
        const start = sector * SECTOR_BYTES
        if (start < size && random() < 0.5) {
          left.set(this.bytes.subarray(start, Math.min(start + SECTOR_BYTES, size)), start)
        }
      }
    }
    this.bytes = left
    this.size = size
    this.synced = left.slice()
    this.syncedSize = size
    this.dirty.clear()
  }

  #keep(sector: number, size: number): void {
    const start = sector * SECTOR_BYTES
    const end = Math.min(start + SECTOR_BYTES, size)
    this.synced.set(this.bytes.subarray(start, end), start)
  }
}

type Names = Map<string, SimInode | 'directory'>
interface NameChange {
  /** Each name, and what it means afterwards. */
  readonly sets: readonly (readonly [string, SimInode | 'directory' | undefined])[]
}

class SimDirectory {
  readonly names: Names = new Map()
  synced: Names = new Map()
  pending: NameChange[] = []

  change(...sets: (readonly [string, SimInode | 'directory' | undefined])[]): void {
    this.pending.push({sets})
    apply(this.names, sets)
  }

  sync(): void {
    this.synced = new Map(this.names)
    this.pending = []
  }

  crash(random: (() => number) | undefined): void {
    const lost = new Set<string>()
    for (const {sets} of this.pending) {
      const keeps = random !== undefined && random() < 0.5 && !sets.some(([name]) => lost.has(name))
      if (keeps) apply(this.synced, sets)
      else for (const [name] of sets) lost.add(name)
    }
    this.names.clear()
    for (const [name, meaning] of this.synced) this.names.set(name, meaning)
    this.pending = []
  }
}

function apply(names: Names, sets: NameChange['sets']): void {
  for (const [name, meaning] of sets) {
    if (meaning === undefined) names.delete(name)
    else names.set(name, meaning)
  }
}

export class SimFileSystem implements FileSystem {
  readonly #options: SimFileSystemOptions
  readonly #directories = new Map<string, SimDirectory>()
  readonly #locks = new Set<string>()
  /** Files opened before a crash belong to a process that is gone. */
  #epoch = 0

  constructor(options: SimFileSystemOptions = {}) {
    this.#options = options
    this.#directories.set('/', new SimDirectory())
  }

  /** Power is gone: only what a disk may have kept is left, and nothing is open or locked. */
  crash(): void {
    this.#epoch++
    this.#locks.clear()
    const {random} = this.#options
    const inodes = new Set<SimInode>()
    for (const directory of this.#directories.values()) {
      directory.crash(random)
      for (const meaning of directory.names.values()) {
        if (meaning !== 'directory') inodes.add(meaning)
      }
    }
    for (const inode of inodes) inode.crash(random)
    const isReachable = (path: string): boolean =>
      path === '/' ||
      (isReachable(parentOf(path)) &&
        this.#directories.get(parentOf(path))?.names.get(baseName(path)) === 'directory')
    for (const path of [...this.#directories.keys()]) {
      if (!isReachable(path)) this.#directories.delete(path)
    }
  }

  /** The process is gone, its kernel is not: everything written stays, nothing is open or locked. */
  kill(): void {
    this.#epoch++
    this.#locks.clear()
  }

  /**
   * The file system as one process has it: once the process is gone, by `crash` or `kill`, whatever it
   * still tries fails, and nothing of it reaches the disk.
   */
  mount(): FileSystem {
    const epoch = this.#epoch
    const guarded = <T>(action: () => T): T => {
      if (epoch !== this.#epoch) throw failure('/', 'EBADF')
      return action()
    }
    return {
      open: (path, mode) => guarded(() => this.open(path, mode)),
      kindOf: path => guarded(() => this.kindOf(path)),
      list: path => guarded(() => this.list(path)),
      makeDirectory: path => guarded(() => this.makeDirectory(path)),
      rename: (from, to) => guarded(() => this.rename(from, to)),
      remove: path => guarded(() => this.remove(path)),
      discard: path => guarded(() => this.discard(path)),
      discardInPieces: path => guarded(() => this.discardInPieces(path)),
      syncDirectory: path => guarded(() => this.syncDirectory(path)),
      yieldTurn: () => this.yieldTurn(),
      settle: file => guarded(() => this.settle(file)),
      lock: directory => guarded(() => this.lock(directory)),
    }
  }

  /** The bytes of a file now, to look at or, with `overwrite`, to damage. */
  content(path: string): Uint8Array {
    const inode = this.#inode(path)
    return inode.bytes.slice(0, inode.size)
  }

  /** Puts content on the disk behind everyone's back, as if it had always been there. */
  overwrite(path: string, content: Uint8Array): void {
    const inode = new SimInode()
    inode.write(content, 0)
    inode.sync()
    const directory = this.#directory(parentOf(path))
    directory.names.set(baseName(path), inode)
    directory.synced.set(baseName(path), inode)
  }

  open(path: string, mode: OpenMode): OpenFile {
    this.#mayFail('open', path)
    const directory = this.#directory(parentOf(path))
    const name = baseName(path)
    const found = directory.names.get(name)
    if (mode === 'create') {
      if (found !== undefined) throw failure(path, 'EEXIST')
      const inode = new SimInode()
      directory.change([name, inode])
      return this.#file(path, inode, true)
    }
    if (found === undefined) throw failure(path, 'ENOENT')
    if (found === 'directory') throw failure(path, 'EISDIR')
    return this.#file(path, found, mode === 'write')
  }

  kindOf(path: string): 'file' | 'directory' | 'other' | undefined {
    if (path === '/') return 'directory'
    const meaning = this.#directories.get(parentOf(path))?.names.get(baseName(path))
    if (meaning === undefined) return undefined
    return meaning === 'directory' ? 'directory' : 'file'
  }

  list(path: string): string[] {
    return [...this.#directory(path).names.keys()].sort()
  }

  makeDirectory(path: string): void {
    this.#mayFail('make-directory', path)
    const parent = this.#directory(parentOf(path))
    if (parent.names.has(baseName(path))) throw failure(path, 'EEXIST')
    parent.change([baseName(path), 'directory'])
    this.#directories.set(path, new SimDirectory())
  }

  rename(from: string, to: string): void {
    this.#mayFail('rename', from)
    const inode = this.#inode(from)
    if (parentOf(from) !== parentOf(to)) throw failure(from, 'EXDEV')
    this.#directory(parentOf(from)).change([baseName(from), undefined], [baseName(to), inode])
  }

  remove(path: string): void {
    this.#mayFail('remove', path)
    this.#inode(path)
    this.#directory(parentOf(path)).change([baseName(path), undefined])
  }

  async discard(path: string): Promise<void> {
    this.remove(path)
  }

  discardInPieces(path: string): Promise<void> {
    return this.discard(path)
  }

  async syncDirectory(path: string): Promise<void> {
    const epoch = this.#epoch
    await this.#options.directorySyncPause?.(path)
    if (epoch !== this.#epoch) throw failure(path, 'EBADF')
    this.#mayFail('sync-directory', path)
    this.#directory(path).sync()
  }

  async yieldTurn(): Promise<void> {}

  settle(file: OpenFile): Promise<void> {
    return file.syncData()
  }

  async lock(directory: string): Promise<DirectoryLock> {
    this.#directory(directory)
    if (this.#locks.has(directory)) {
      throw new RaftctlError('RAFTCTL_DIRECTORY_IN_USE', `${directory} is in use by process 1`)
    }
    this.#locks.add(directory)
    const epoch = this.#epoch
    return {
      release: async () => {
        if (epoch === this.#epoch) this.#locks.delete(directory)
      },
    }
  }

  #file(path: string, inode: SimInode, isWritable: boolean): OpenFile {
    const epoch = this.#epoch
    let isOpen = true
    const check = () => {
      if (!isOpen || epoch !== this.#epoch) throw failure(path, 'EBADF')
    }
    return {
      path,
      bytes: () => {
        check()
        return inode.size
      },
      read: (into, position) => {
        check()
        const piece = inode.bytes.subarray(position, Math.min(position + into.length, inode.size))
        into.set(piece)
        return piece.length
      },
      write: (bytes, position) => {
        check()
        if (!isWritable) throw failure(path, 'EBADF')
        this.#mayFail('write', path)
        if (bytes.length > 0) inode.write(bytes, position)
      },
      syncData: async () => {
        check()
        try {
          this.#mayFail('sync', path)
        } catch (error) {
          if (epoch === this.#epoch) inode.dirty.clear()
          throw error
        }
        const sectors = [...inode.dirty]
        await this.#options.syncPause?.(path)
        check()
        inode.sync(sectors)
      },
      close: () => {
        isOpen = false
      },
    }
  }

  #mayFail(operation: SimOperation, path: string): void {
    const error = this.#options.fault?.(operation, path)
    if (error !== undefined) throw error
  }

  #directory(path: string): SimDirectory {
    const directory = this.#directories.get(path)
    if (directory === undefined) throw failure(path, 'ENOENT')
    return directory
  }

  #inode(path: string): SimInode {
    const meaning = this.#directory(parentOf(path)).names.get(baseName(path))
    if (meaning === undefined) throw failure(path, 'ENOENT')
    if (meaning === 'directory') throw failure(path, 'EISDIR')
    return meaning
  }
}

function failure(path: string, errno: string): RaftctlError {
  return new RaftctlError('RAFTCTL_INPUT_OUTPUT', `${path}: ${errno}`, {details: {path, errno}})
}
