import {
  closeSync,
  fdatasync,
  fstatSync,
  fsync,
  ftruncate,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  type Stats,
  unlink,
  unlinkSync,
  writeSync,
} from 'node:fs'
import {RaftctlError} from '../errors.js'
import type {DirectoryLock, FileSystem, OpenFile, OpenMode} from './file-system.js'
import {misplaced} from './file-system.js'
import {lockDirectory} from './node-directory-lock.js'

/** However slow the disk is, long work goes on. */
const SETTLE_MS_MAX = 500
/** A file system frees as many in a millisecond or two, and lets no sync in before it is through. */
const FREED_AT_ONCE_BYTES = 16 * 1024 * 1024

const FLAGS: Record<OpenMode, string> = {read: 'r', write: 'r+', create: 'wx+'}

/**
 * The real file system. Writes go to the page cache at once (`fs.writeSync`), syncs run on the thread
 * pool with a callback: a FileHandle costs several times as much a call.
 */
export class NodeFileSystem implements FileSystem {
  readonly #pauseMs: number
  /** How often each inode is open. */
  readonly #openFiles = new Map<string, number>()

  /**
   * `pauseMs`: how long long work rests between its pieces, so that what people wait for goes first; 0
   * where nobody else waits.
   */
  constructor({pauseMs = 0}: {readonly pauseMs?: number} = {}) {
    this.#pauseMs = pauseMs
  }

  open(path: string, mode: OpenMode): OpenFile {
    return this.#open(path, mode)
  }

  #open(path: string, mode: OpenMode): NodeFile {
    const fd = attempt(path, 'open', () => openSync(path, FLAGS[mode], 0o600))
    const {dev, ino} = fstatSync(fd)
    const inode = `${dev}:${ino}`
    const count = (change: 1 | -1) => {
      const now = (this.#openFiles.get(inode) ?? 0) + change
      if (now > 0) this.#openFiles.set(inode, now)
      else this.#openFiles.delete(inode)
    }
    count(1)
    return new NodeFile(path, fd, inode, () => count(-1))
  }

  kindOf(path: string): 'file' | 'directory' | 'other' | undefined {
    const stats = attempt(path, 'look at', () => lstatOrNothing(path))
    if (stats === undefined) return undefined
    if (stats.isFile()) return 'file'
    return stats.isDirectory() ? 'directory' : 'other'
  }

  list(path: string): string[] {
    return attempt(path, 'list', () => readdirSync(path)).sort()
  }

  makeDirectory(path: string): void {
    attempt(path, 'make', () => mkdirSync(path, 0o700))
  }

  rename(from: string, to: string): void {
    attempt(from, 'rename', () => renameSync(from, to))
  }

  remove(path: string): void {
    attempt(path, 'remove', () => unlinkSync(path))
  }

  discard(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      unlink(path, error => (error ? reject(ioError(error, path, 'remove')) : resolve()))
    })
  }

  async discardInPieces(path: string): Promise<void> {
    const file = this.#openIfAllowed(path)
    try {
      await this.discard(path)
      if (file) await this.#free(file)
    } finally {
      file?.close()
    }
  }

  /** A courtesy to others: a file that may be removed need not be one that may be written. */
  #openIfAllowed(path: string): NodeFile | undefined {
    try {
      return this.#open(path, 'write')
    } catch {
      return undefined
    }
  }

  /** Shortens a file without a name; what goes wrong is left to its closing, which frees the rest. */
  async #free(file: NodeFile): Promise<void> {
    try {
      if (this.#openFiles.get(file.inode) !== 1 || file.hasName()) return
      // Cut at multiples, or each cut would go through a block of the file system.
      for (let pieces = Math.ceil(file.bytes() / FREED_AT_ONCE_BYTES); pieces > 0; ) {
        await file.truncate(--pieces * FREED_AT_ONCE_BYTES)
        await this.yieldTurn()
      }
    } catch {
      // It has no name any more, which is all that was promised.
    }
  }

  async syncDirectory(path: string): Promise<void> {
    const fd = attempt(path, 'open', () => openSync(path, 'r'))
    try {
      await new Promise<void>((resolve, reject) => {
        fsync(fd, error => (error ? reject(ioError(error, path, 'sync')) : resolve()))
      })
    } finally {
      closeSync(fd)
    }
  }

  yieldTurn(): Promise<void> {
    return new Promise(resolve => {
      if (this.#pauseMs === 0) setImmediate(resolve)
      else setTimeout(resolve, this.#pauseMs)
    })
  }

  async settle(file: OpenFile): Promise<void> {
    const startMs = performance.now()
    await file.syncData()
    if (this.#pauseMs === 0) return
    const tookMs = Math.min(performance.now() - startMs, SETTLE_MS_MAX)
    await new Promise(resolve => setTimeout(resolve, Math.max(this.#pauseMs, tookMs)))
  }

  async lock(directory: string): Promise<DirectoryLock> {
    try {
      return await lockDirectory(directory)
    } catch (error) {
      if (error instanceof RaftctlError) throw error
      throw ioError(error, (error as NodeJS.ErrnoException).path ?? directory, 'lock')
    }
  }
}

class NodeFile implements OpenFile {
  readonly path: string
  /** Which file it is, whatever its name. */
  readonly inode: string
  #fd: number
  readonly #closed: () => void

  constructor(path: string, fd: number, inode: string, closed: () => void) {
    this.path = path
    this.inode = inode
    this.#fd = fd
    this.#closed = closed
  }

  /** It can be found in some directory still. */
  hasName(): boolean {
    return attempt(this.path, 'look at', () => fstatSync(this.#fd)).nlink > 0
  }

  truncate(bytes: number): Promise<void> {
    return new Promise((resolve, reject) => {
      ftruncate(this.#fd, bytes, error =>
        error ? reject(ioError(error, this.path, 'shorten')) : resolve(),
      )
    })
  }

  bytes(): number {
    return attempt(this.path, 'look at', () => fstatSync(this.#fd)).size
  }

  read(into: Uint8Array, position: number): number {
    let done = 0
    while (done < into.length) {
      const count = attempt(this.path, 'read', () =>
        readSync(this.#fd, into, done, into.length - done, position + done),
      )
      if (count === 0) break
      done += count
    }
    return done
  }

  write(bytes: Uint8Array, position: number): void {
    let done = 0
    while (done < bytes.length) {
      done += attempt(this.path, 'write', () =>
        writeSync(this.#fd, bytes, done, bytes.length - done, position + done),
      )
    }
  }

  syncData(): Promise<void> {
    return new Promise((resolve, reject) => {
      fdatasync(this.#fd, error => (error ? reject(ioError(error, this.path, 'sync')) : resolve()))
    })
  }

  close(): void {
    if (this.#fd === -1) return
    const fd = this.#fd
    this.#fd = -1
    this.#closed()
    closeSync(fd)
  }
}

/** undefined for a name that is not there, and for one below a file. */
function lstatOrNothing(path: string): Stats | undefined {
  try {
    return lstatSync(path, {throwIfNoEntry: false})
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return undefined
    throw error
  }
}

function attempt<T>(path: string, verb: string, call: () => T): T {
  try {
    return call()
  } catch (error) {
    throw ioError(error, path, verb)
  }
}

function ioError(error: unknown, path: string, verb: string): RaftctlError {
  const errno = (error as NodeJS.ErrnoException).code ?? 'unknown error'
  if (errno === 'EISDIR') return misplaced(path, 'a directory', 'a file', error)
  if (errno === 'ENOTDIR' && verb === 'list') return misplaced(path, 'a file', 'a directory', error)
  const isFull = errno === 'ENOSPC' || errno === 'EDQUOT'
  return new RaftctlError(
    isFull ? 'RAFTCTL_DISK_FULL' : 'RAFTCTL_INPUT_OUTPUT',
    `could not ${verb} ${path}: ${errno}`,
    {
      hint: isFull
        ? 'Free some space on the disk that holds the data directory, then start the node again.'
        : 'Check the path, its owner and the disk, then try again.',
      details: {path, errno},
      cause: error,
    },
  )
}
