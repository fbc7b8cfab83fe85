import {RaftctlError} from '../errors.js'

/**
 * What storage needs from a file system. The real one is `node-file-system.ts`; the simulation has
 * one that crashes, tears writes and fails on command. Nothing else in storage touches files.
 *
 * Paths are absolute. Every method but `isMissing` cases documented below throws a RaftctlError:
 * RAFTCTL_DISK_FULL when there is no room, RAFTCTL_INPUT_OUTPUT otherwise, naming the path.
 */
export interface FileSystem {
  /**
   * `read`: an existing file; `write`: an existing file, to read and write; `create`: a new file, to
   * read and write, refused if the name is taken. Files are made readable by their owner only.
   */
  open(path: string, mode: OpenMode): OpenFile
  /** What the path names, without following links; undefined for nothing. */
  kindOf(path: string): 'file' | 'directory' | 'other' | undefined
  /** Names in a directory, sorted. */
  list(path: string): string[]
  /** Makes one directory, readable by its owner only; its parent must exist. */
  makeDirectory(path: string): void
  /** Replaces `to` at once if it exists. Durable after the directory is synced. */
  rename(from: string, to: string): void
  /** Removes a file; one that is open elsewhere stays readable there. */
  remove(path: string): void
  /** The same for a file that may be large: freeing its blocks holds nobody up. */
  discard(path: string): Promise<void>
  /**
   * The same for a file of any size: its blocks are freed a piece at a time, so that syncs of other files
   * don't wait behind all of them. Another process that has it open sees it shrink; one of ours does not.
   */
  discardInPieces(path: string): Promise<void>
  /** Makes created, renamed and removed names of this directory survive a crash. */
  syncDirectory(path: string): Promise<void>
  /**
   * Lets everything else that waits have its turn; called between pieces of long work, which take a
   * few milliseconds at most.
   */
  yieldTurn(): Promise<void>
  /** Syncs what long work has written so far, and leaves the disk to others for as long as that took. */
  settle(file: OpenFile): Promise<void>
  /**
   * Takes a directory for this process, until `release` or the end of the process, however it ends.
   * RAFTCTL_DIRECTORY_IN_USE names the process that has it.
   */
  lock(directory: string): Promise<DirectoryLock>
}

export type OpenMode = 'read' | 'write' | 'create'

export interface OpenFile {
  readonly path: string
  /** Size now. */
  bytes(): number
  /** Fills `into` from `position`; answers how many bytes, fewer only where the file ends. */
  read(into: Uint8Array, position: number): number
  /** Writes all of `bytes` or throws; how much reached the file is then unknown. */
  write(bytes: Uint8Array, position: number): void
  /** Makes the content, and the size needed to read it, survive a crash. */
  syncData(): Promise<void>
  close(): void
}

export interface DirectoryLock {
  release(): Promise<void>
}

/**
 * The directory and all missing ones above it, each synced into its parent; also one that is there
 * already, for whoever made it may have been killed before it got to that. A file in its way is damage
 * where the path is of our making (`ours`), and a wrong path where a person gave it.
 */
export async function ensureDirectory(
  fs: FileSystem,
  path: string,
  {ours = true}: {readonly ours?: boolean} = {},
): Promise<void> {
  const parent = parentOf(path)
  if (fs.kindOf(path) !== 'directory') {
    if (parent !== path) await ensureDirectory(fs, parent, {ours})
    try {
      fs.makeDirectory(path)
    } catch (error) {
      // Another node of this machine may have made it since: nodes that start together share parents.
      const kind = fs.kindOf(path)
      if (kind === 'file' && ours) throw misplaced(path, 'a file', 'a directory', error)
      if (kind !== 'directory') throw error
    }
    await fs.syncDirectory(parent)
    return
  }
  try {
    await fs.syncDirectory(parent)
  } catch (error) {
    // A parent that we may not read is none in which we made anything.
    if (!isForbidden(error)) throw error
  }
}

/** What no crash leaves, but a person's hand. */
export function misplaced(
  path: string,
  is: string,
  expected: string,
  cause: unknown,
): RaftctlError {
  return new RaftctlError('RAFTCTL_DATA_DAMAGED', `${path} is ${is} where ${expected} belongs`, {
    hint:
      'Put back what was there. If it is lost, give the node an empty directory and run ' +
      '"raftctl member replace".',
    details: {file: path},
    cause,
  })
}

function isForbidden(error: unknown): boolean {
  const errno = error instanceof RaftctlError ? error.details.errno : undefined
  return errno === 'EACCES' || errno === 'EPERM' || errno === 'EROFS'
}

/** Reads a whole small file. */
export function readWholeFile(fs: FileSystem, path: string): Uint8Array {
  const file = fs.open(path, 'read')
  try {
    const bytes = new Uint8Array(file.bytes())
    return bytes.subarray(0, file.read(bytes, 0))
  } finally {
    file.close()
  }
}

/** A file that after any crash has either its old content or all of the new. */
export async function writeWholeFile(
  fs: FileSystem,
  path: string,
  content: Uint8Array,
): Promise<void> {
  const partial = `${path}${PARTIAL}`
  if (fs.kindOf(partial) !== undefined) fs.remove(partial)
  const file = fs.open(partial, 'create')
  try {
    file.write(content, 0)
    await file.syncData()
  } finally {
    file.close()
  }
  fs.rename(partial, path)
  await fs.syncDirectory(parentOf(path))
}

/** The ending of names that mean nothing yet; whatever bears it is removed at start. */
export const PARTIAL = '.partial'

export function parentOf(path: string): string {
  const cut = path.lastIndexOf('/')
  return cut <= 0 ? '/' : path.slice(0, cut)
}

export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
