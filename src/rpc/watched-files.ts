import {readFile, stat} from 'node:fs/promises'
import {RaftctlError} from '../errors.js'

const LOOK_MS = 500

/** Reads a file as text. RAFTCTL_FILE_NOT_FOUND, RAFTCTL_INPUT_OUTPUT; `what` is for people. */
export async function readNamed(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw unreadable(error, path, what)
  }
}

export function unreadable(error: unknown, path: string, what: string): RaftctlError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const missing = code === 'ENOENT' || code === 'ENOTDIR'
  return new RaftctlError(
    missing ? 'RAFTCTL_FILE_NOT_FOUND' : 'RAFTCTL_INPUT_OUTPUT',
    missing ? `there is no ${what} at ${path}` : `can't read the ${what} at ${path} (${code})`,
    {hint: 'Check the path and who may read the file.', cause: error},
  )
}

/**
 * Calls `changed`, which must not fail, soon and then after one of the files was written, replaced
 * or removed; one call at a time. Looks rather than listens: files that are links, as secrets in
 * containers are, change without an event.
 */
export function watchFiles(paths: readonly string[], changed: () => Promise<void>): {stop(): void} {
  let told: string | undefined
  let seen: string | undefined
  let looking = false
  const look = async () => {
    if (looking) return
    looking = true
    const now = (await Promise.all(paths.map(signOf))).join(' ')
    // The first look counts too: they may have changed since they were read. What changed since the
    // last look may still be being written, and half a file can look like a whole one.
    const settled = now === seen || told === undefined
    seen = now
    if (settled && now !== told) {
      told = now
      await changed()
    }
    looking = false
  }
  void look()
  const timer = setInterval(() => void look(), LOOK_MS)
  timer.unref()
  return {stop: () => clearInterval(timer)}
}

async function signOf(path: string): Promise<string> {
  try {
    const {mtimeNs, size, ino} = await stat(path, {bigint: true})
    return `${mtimeNs}/${size}/${ino}`
  } catch {
    return 'none'
  }
}
