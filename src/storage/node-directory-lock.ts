/**
 * One process a directory. Node has no flock, and a plain lock file outlives `kill -9`, so:
 *
 * - On Linux the lock is an abstract unix socket named after the directory's device and inode. The
 *   kernel hands it to one process only and takes it back when that process ends, however it ends;
 *   nothing can go stale, two starters can't both win, and another path to the same directory is the
 *   same lock. It is not inherited: Node opens sockets close-on-exec.
 * - An abstract name is seen within one network namespace only. So the holder also writes LOCK, with
 *   its pid, the start time of that pid and the boot, and a taker looks there too: a living process
 *   with the same pid, start and boot has the directory, whatever its network. The start time is what
 *   tells it from a stranger that was given the same pid later.
 * - Elsewhere LOCK itself is the lock: created exclusively, removed on release, and taken over when
 *   no process with its pid lives.
 */
import {createHash} from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import {createServer, type Server} from 'node:net'
import {join} from 'node:path'
import {setTimeout as delay} from 'node:timers/promises'
import {RaftctlError} from '../errors.js'
import type {DirectoryLock} from './file-system.js'

export const LOCK_FILE = 'LOCK'

const DYING_ATTEMPTS = 40
const DYING_WAIT_MS = 50

interface Holder {
  readonly pid: number
  /** Of that pid, in the kernel's own unit; '' where the system does not tell. */
  readonly startTime: string
  /** Of the boot and the pid's namespace; '' where the system does not tell. */
  readonly boot: string
}

/** Takes the directory; RAFTCTL_DIRECTORY_IN_USE names the process that has it. */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const path = join(directory, LOCK_FILE)
  if (process.platform !== 'linux') return lockByFile(directory, path)

  const server = await listenOnceFree(directory, path)
  try {
    const holder = readHolder(path)
    if (holder !== undefined && holder.pid !== process.pid && isAlive(holder)) {
      throw inUse(directory, holder)
    }
    writeHolder(path)
  } catch (error) {
    await closeServer(server)
    throw error
  }
  return {
    release: async () => {
      removeIfOurs(path)
      await closeServer(server)
    },
  }
}

function lockByFile(directory: string, path: string): DirectoryLock {
  for (let attempts = 0; attempts < 10; attempts++) {
    try {
      writeFileSync(path, JSON.stringify(self()), {flag: 'wx', mode: 0o600})
      return {release: async () => removeIfOurs(path)}
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const holder = readHolder(path)
    if (holder !== undefined && isAlive(holder)) throw inUse(directory, holder)
    // Rename before removing, and look again at what was renamed: another taker may have replaced
    // the dead lock by its own since it was read.
    const aside = `${path}.${process.pid}`
    try {
      renameSync(path, aside)
    } catch {
      continue
    }
    const taken = readHolder(aside)
    if (taken !== undefined && isAlive(taken)) {
      renameSync(aside, path)
      throw inUse(directory, taken)
    }
    unlinkSync(aside)
  }
  throw inUse(directory, readHolder(path))
}

/** A killed process may take a moment to let its socket go; a living one is not waited for. */
async function listenOnceFree(directory: string, path: string): Promise<Server> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await listen(socketName(directory))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
      const holder = readHolder(path)
      const isDying = holder !== undefined && !isAlive(holder)
      if (!isDying || attempt === DYING_ATTEMPTS) throw inUse(directory, holder)
      await delay(DYING_WAIT_MS)
    }
  }
}

function listen(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer(connection => connection.destroy())
    server.once('error', reject)
    server.listen({path, exclusive: true}, () => {
      server.off('error', reject)
      server.on('error', () => {})
      server.unref()
      resolve(server)
    })
  })
}

function closeServer(server: Server): Promise<void> {
  return new Promise(resolve => server.close(() => resolve()))
}

function socketName(directory: string): string {
  const {dev, ino} = statSync(directory, {bigint: true})
  const name = createHash('sha256').update(`${dev}:${ino}`).digest('hex').slice(0, 32)
  return `\0raftctl-${name}`
}

function self(): Holder {
  return {pid: process.pid, startTime: startTimeOf(process.pid), boot: bootId()}
}

function isAlive(holder: Holder): boolean {
  // Another boot's pids mean nothing now, and those of another container can't be looked up here.
  if (holder.boot !== bootId()) return false
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
  }
  return startTimeOf(holder.pid) === holder.startTime
}

/**
 * Field 22 of /proc/PID/stat; the second field is a name in parentheses that may hold anything. ''
 * for a process that has ended, though its parent has not looked yet.
 */
function startTimeOf(pid: number): string {
  if (process.platform !== 'linux') return ''
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' || fields[0] === 'X' ? '' : (fields[19] ?? '')
  } catch {
    return ''
  }
}

function bootId(): string {
  if (process.platform !== 'linux') return ''
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`
  } catch {
    return ''
  }
}

function readHolder(path: string): Holder | undefined {
  try {
    const value = JSON.parse(readFileSync(path, 'utf8'))
    const isHolder =
      Number.isSafeInteger(value?.pid) &&
      value.pid > 0 &&
      typeof value.startTime === 'string' &&
      typeof value.boot === 'string'
    return isHolder ? value : undefined
  } catch {
    return undefined
  }
}

function writeHolder(path: string): void {
  const partial = `${path}.partial`
  const fd = openSync(partial, 'w', 0o600)
  try {
    writeFileSync(fd, JSON.stringify(self()))
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(partial, path)
}

function removeIfOurs(path: string): void {
  if (readHolder(path)?.pid !== process.pid) return
  try {
    unlinkSync(path)
  } catch {
    // Gone already: the directory itself may have been removed.
  }
}

function inUse(directory: string, holder: Holder | undefined): RaftctlError {
  const who = holder === undefined ? 'another process' : `process ${holder.pid}`
  return new RaftctlError('RAFTCTL_DIRECTORY_IN_USE', `${directory} is in use by ${who}`, {
    hint: 'Stop that node first, or give this one another --data-dir.',
    details: {directory, pid: holder?.pid ?? null},
  })
}
