/**
 * Processes by more than their number: a pid is used again after a while, and killing whoever has it
 * now would be killing a stranger.
 */
import {execFile} from 'node:child_process'
import {readFile} from 'node:fs/promises'
import {setTimeout as delay} from 'node:timers/promises'
import {promisify} from 'node:util'

export interface ProcessIdentity {
  readonly pid: number
  /** When it was started, in the system's own words, the boot included. */
  readonly started: string
}

const POLL_MS = 15

/** Reads an identity from JSON; undefined when it is none. */
export function identify(value: unknown): ProcessIdentity | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const {pid, started} = value as Record<string, unknown>
  // 0 and negative numbers would signal whole groups of processes, 1 is init.
  return Number.isSafeInteger(pid) && (pid as number) > 1 && typeof started === 'string'
    ? {pid: pid as number, started}
    : undefined
}

export async function ownProcess(): Promise<ProcessIdentity> {
  const own = await processIdentity(process.pid)
  return own ?? {pid: process.pid, started: 'unknown'}
}

/** undefined when there is no such process, or only what is left of one (a zombie). */
export async function processIdentity(pid: number): Promise<ProcessIdentity | undefined> {
  const started = process.platform === 'linux' ? await startedLinux(pid) : await startedPs(pid)
  return started === undefined ? undefined : {pid, started}
}

export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  return (await processIdentity(identity.pid))?.started === identity.started
}

/** Answers whether there was a process to signal. */
export async function signalProcess(
  identity: ProcessIdentity,
  signal: NodeJS.Signals,
): Promise<boolean> {
  if (!(await isAlive(identity))) return false
  try {
    process.kill(identity.pid, signal)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false
    throw error
  }
}

/** True once it is gone; false when it is still there after `timeoutMs`. */
export async function waitForExit(identity: ProcessIdentity, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs
  while (await isAlive(identity)) {
    if (performance.now() > deadline) return false
    await delay(POLL_MS)
  }
  return true
}

let bootId: Promise<string> | undefined

async function startedLinux(pid: number): Promise<string | undefined> {
  let stat: string
  try {
    stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return undefined
  }
  // The second field is the program's name in parentheses, which may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [state] = fields
  if (state === 'Z' || state === 'X') return undefined
  bootId ??= readFile('/proc/sys/kernel/random/boot_id', 'utf8').then(
    text => text.trim(),
    () => '',
  )
  return `${await bootId}/${fields[19]}`
}

async function startedPs(pid: number): Promise<string | undefined> {
  try {
    const {stdout} = await promisify(execFile)('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
      env: {...process.env, LC_ALL: 'C', TZ: 'UTC'},
    })
    const match = /^(\S+)\s+(.+)$/.exec(stdout.trim())
    return match && !match[1]!.startsWith('Z') ? match[2] : undefined
  } catch {
    return undefined
  }
}
