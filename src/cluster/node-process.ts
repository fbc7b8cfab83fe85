/**
 * Starting one node of a local cluster as a process that outlives us.
 *
 *     spawn ─► record its pid ─► "go" on its standard input ─► it opens its data ─► readiness line
 *
 * The node waits for "go" and leaves at the end of its input, so that whoever dies in between leaves
 * no process that nobody knows of.
 */
import {spawn} from 'node:child_process'
import {closeSync, openSync} from 'node:fs'
import {mkdir, open, stat} from 'node:fs/promises'
import {join} from 'node:path'
import {setTimeout as delay} from 'node:timers/promises'
import {isErrorCode, RaftctlError} from '../errors.js'
import {codeOf} from './files.js'
import {packageRoot} from './paths.js'
import type {ProcessIdentity} from './processes.js'
import {processIdentity, signalProcess} from './processes.js'
import type {NodeSecrets} from './secrets.js'

export const GO = 'go\n'
/** A process that ends says so by itself: this is for one that hangs, on whatever machine. */
const READY_MS = 60_000
const POLL_MS = 20
const TAIL_LINES = 12
/** Only the tail of a failed start is read. */
const TAIL_BYTES = 64 * 1024

export interface NodeStart {
  readonly name: string
  readonly dataPath: string
  readonly logPath: string
  /** host:port to listen on. */
  readonly listen: string
  readonly secrets: NodeSecrets
  /** error, warn, info, debug or trace; default info. */
  readonly logLevel?: string | undefined
  readonly signal?: AbortSignal | undefined
  /** Called with the process before it may do anything; it goes on when this resolves. */
  readonly record: (process: ProcessIdentity) => Promise<void>
}

export interface StartedNode {
  readonly address: string
  readonly process: ProcessIdentity
}

/**
 * Resolves when the node has said that it is ready. RAFTCTL_NODE_STOPPED with the end of its log
 * when it died; RAFTCTL_TIMED_OUT when it stayed silent; a node that failed to start is killed.
 */
export async function startNodeProcess(start: NodeStart): Promise<StartedNode> {
  await mkdir(join(start.logPath, '..'), {recursive: true, mode: 0o700})
  const logStart = await sizeOf(start.logPath)
  const {child, exited} = spawnNode(start)
  let identity: ProcessIdentity | undefined
  try {
    identity = child.pid === undefined ? undefined : await processIdentity(child.pid)
    if (identity === undefined) throw await startFailure(start, logStart, 'could not be started')
    await start.record(identity)
    child.stdin?.end(GO)
    const address = await readiness(start, logStart, exited)
    return {address, process: identity}
  } catch (error) {
    if (identity) await signalProcess(identity, 'SIGKILL')
    else child.kill('SIGKILL')
    throw error
  } finally {
    child.unref()
  }
}

function spawnNode(start: NodeStart) {
  const log = openSync(start.logPath, 'a', 0o600)
  try {
    const child = spawn(
      process.execPath,
      [
        join(packageRoot(), 'bin', 'run.js'),
        ...['node', 'run', '--await-go', '--listen', start.listen],
        ...['--data-dir', start.dataPath, '--name', start.name],
        ...['--log-file', start.logPath, '--log-level', start.logLevel ?? 'info'],
        ...['--token-file', start.secrets.tokenFile],
        ...['--peer-token-file', start.secrets.peerTokenFile],
      ],
      {detached: true, stdio: ['pipe', log, log], cwd: '/', env: nodeEnvironment(process.env)},
    )
    const exited: {status: string | undefined} = {status: undefined}
    child.once('exit', (code, signal) => {
      exited.status = signal ? `was ended by ${signal}` : `exited with status ${code}`
    })
    child.once('error', error => {
      exited.status = `could not be started: ${error.message}`
    })
    // A node that is gone before it reads "go" is reported by its exit.
    child.stdin?.on('error', () => {})
    return {child, exited}
  } finally {
    closeSync(log)
  }
}

/** What steers the shell of whoever typed `init` is not the node's business. */
function nodeEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(
    ([name]) => !name.startsWith('RAFTCTL_') && name !== 'NODE_OPTIONS' && name !== 'DEBUG',
  )
  return Object.fromEntries(kept)
}

async function readiness(
  start: NodeStart,
  logStart: number,
  exited: {status: string | undefined},
): Promise<string> {
  const deadline = performance.now() + READY_MS
  for (;;) {
    start.signal?.throwIfAborted()
    const ended = exited.status
    const text = await readFrom(start.logPath, logStart)
    const match = /^ready {2}address=(\S+) pid=\d+/m.exec(text)
    if (ended !== undefined) throw await startFailure(start, logStart, ended)
    if (match) return match[1] as string
    if (performance.now() > deadline) {
      throw new RaftctlError('RAFTCTL_TIMED_OUT', `${start.name} did not become ready`, {
        hint: `Its log is ${start.logPath}.`,
      })
    }
    await delay(POLL_MS)
  }
}

/** Speaks with the node's own last words where it had any. */
async function startFailure(
  start: NodeStart,
  logStart: number,
  how: string,
): Promise<RaftctlError> {
  const lines = (await readFrom(start.logPath, logStart)).trimEnd().split('\n').filter(Boolean)
  const tail = lines.slice(-TAIL_LINES)
  const details = {node: start.name, log: start.logPath, tail}
  const last = lastFailure(lines)
  if (last) {
    const code = isErrorCode(last.code) ? last.code : 'RAFTCTL_NODE_STOPPED'
    const {hint} = last
    return new RaftctlError(code, `${start.name} ${how}: ${last.message}`, {hint, details})
  }
  return new RaftctlError('RAFTCTL_NODE_STOPPED', `${start.name} ${how}`, {
    hint: tail.length === 0 ? 'It wrote nothing.' : `Its last words:\n  ${tail.join('\n  ')}`,
    details,
  })
}

interface NodeFailure {
  readonly code: string
  readonly message: string
  readonly hint: string | undefined
}

/** The record that `node run` writes when it fails. */
function lastFailure(lines: readonly string[]): NodeFailure | undefined {
  for (const line of lines.toReversed()) {
    if (!line.startsWith('{')) continue
    try {
      const {event, code, message, hint} = JSON.parse(line) as Record<string, unknown>
      if (event !== 'node-failed') continue
      return {
        code: String(code),
        message: String(message),
        hint: typeof hint === 'string' ? hint : undefined,
      }
    } catch {
      // Not a record: something else wrote to the same log.
    }
  }
  return undefined
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 0
    throw error
  }
}

async function readFrom(path: string, offset: number): Promise<string> {
  const file = await open(path, 'r')
  try {
    // A log that was full begins anew meanwhile.
    const from = offset > (await file.stat()).size ? 0 : offset
    const {buffer, bytesRead} = await file.read(Buffer.alloc(TAIL_BYTES), 0, TAIL_BYTES, from)
    return buffer.toString('utf8', 0, bytesRead)
  } finally {
    await file.close()
  }
}
