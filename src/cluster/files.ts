/** Small files that survive a crash between any two lines, and a lock between processes. */
import {randomBytes} from 'node:crypto'
import {link, mkdir, open, readFile, rename, rm, writeFile} from 'node:fs/promises'
import {dirname} from 'node:path'
import {setTimeout as delay} from 'node:timers/promises'
import {RaftctlError} from '../errors.js'
import {identify, isAlive, ownProcess} from './processes.js'

/** Longer than what the holder may wait for nodes to start, or to stop. */
const LOCK_WAIT_MS = 90_000
const LOCK_POLL_MS = 20

/** undefined when there is no such file; RAFTCTL_DATA_DAMAGED when it is not JSON. */
export async function readJsonFile(path: string): Promise<unknown> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined
    if (codeOf(error) === 'EISDIR') throw damagedFile(path, 'is a directory, not a file', error)
    throw error
  }
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw damagedFile(path, 'is not JSON', cause)
  }
}

export function damagedFile(path: string, what: string, cause?: unknown): RaftctlError {
  return new RaftctlError('RAFTCTL_DATA_DAMAGED', `${path} ${what}`, {
    hint: 'Put back the file as it was, or move it away: what it said is then forgotten.',
    details: {file: path},
    cause,
  })
}

/**
 * Puts `text` in place of the whole file, readable by its owner only. A crash leaves the old or the
 * new content, never a mixture; the new content is on disk when this resolves.
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), {recursive: true, mode: 0o700})
  const temporary = `${path}.${randomBytes(6).toString('hex')}.partial`
  try {
    const file = await open(temporary, 'wx', 0o600)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, {force: true})
    throw error
  }
  await syncDirectory(dirname(path))
}

export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

/**
 * Runs `task` while no other process of this machine runs one for the same path. The lock of a
 * process that died is taken over. RAFTCTL_TIMED_OUT when another one keeps it for half a minute.
 */
export async function withFileLock<T>(path: string, task: () => Promise<T>): Promise<T> {
  const lock = `${path}.lock`
  await mkdir(dirname(path), {recursive: true, mode: 0o700})
  await acquire(lock)
  try {
    return await task()
  } finally {
    await rm(lock, {force: true})
  }
}

async function acquire(lock: string): Promise<void> {
  const deadline = performance.now() + LOCK_WAIT_MS
  for (;;) {
    if (await createExclusive(lock)) return
    const holder = await holderOf(lock)
    if (holder.kind === 'dead') await takeOver(lock)
    else if (performance.now() > deadline) {
      const who = holder.kind === 'alive' ? `process ${holder.pid}` : 'another process'
      throw new RaftctlError('RAFTCTL_TIMED_OUT', `${who} keeps ${lock}`, {
        hint: `Wait until it is done. If no raftctl is running, remove ${lock}.`,
      })
    } else await delay(LOCK_POLL_MS)
  }
}

/**
 * Two processes may find the same dead holder. Only the one that makes the second file removes the
 * lock, and it looks again first: the other could already hold a new one.
 */
async function takeOver(lock: string): Promise<void> {
  const turn = `${lock}.takeover`
  if (!(await createExclusive(turn))) {
    if ((await holderOf(turn)).kind === 'dead') {
      throw new RaftctlError('RAFTCTL_INPUT_OUTPUT', `${turn} was left by a process that died`, {
        hint: `Remove it when no other raftctl is running: rm ${turn}`,
      })
    }
    return delay(LOCK_POLL_MS)
  }
  try {
    if ((await holderOf(lock)).kind === 'dead') await rm(lock, {force: true})
  } finally {
    await rm(turn, {force: true})
  }
}

/** The holder is written and synced under another name first: a lock is never seen empty. */
async function createExclusive(path: string): Promise<boolean> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.partial`
  await writeFile(temporary, JSON.stringify(await ownProcess()), {flag: 'wx', mode: 0o600})
  try {
    await link(temporary, path)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  } finally {
    await rm(temporary, {force: true})
  }
}

type Holder = {kind: 'none'} | {kind: 'dead'} | {kind: 'alive'; pid: number}

async function holderOf(lock: string): Promise<Holder> {
  let holder: unknown
  try {
    holder = await readJsonFile(lock)
  } catch {
    return {kind: 'dead'}
  }
  if (holder === undefined) return {kind: 'none'}
  const identity = identify(holder)
  if (identity === undefined) return {kind: 'dead'}
  return (await isAlive(identity)) ? {kind: 'alive', pid: identity.pid} : {kind: 'dead'}
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined
}
