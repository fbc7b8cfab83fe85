/** What a node of a local cluster wrote, across the moment when its log begins anew. */
import {open, readFile, stat} from 'node:fs/promises'
import {setTimeout as delay} from 'node:timers/promises'
import {codeOf} from './files.js'

const LOOK_MS = 100

export interface LogLines {
  /** How many, from the end. */
  readonly lines: number
  /** Go on with what is written, until `signal`. */
  readonly follow: boolean
  readonly signal: AbortSignal
}

/** A log that is full goes to PATH.1 and begins anew; see `nodeLogFile`. No log: no lines. */
export async function* logLines(
  path: string,
  {lines, follow, signal}: LogLines,
): AsyncGenerator<string> {
  const now = await textOf(path)
  const before = now.split('\n').length > lines ? '' : await textOf(`${path}.1`)
  const whole = before + now
  const complete = follow ? whole.slice(0, whole.lastIndexOf('\n') + 1) : whole
  const all = complete.split('\n').filter(line => line !== '')
  yield* all.slice(-lines)
  if (!follow) return
  const rest = Buffer.byteLength(whole.slice(complete.length))
  yield* newLines(path, Buffer.byteLength(now) - rest, signal)
}

async function* newLines(path: string, from: number, signal: AbortSignal): AsyncGenerator<string> {
  let position = from
  for (;;) {
    signal.throwIfAborted()
    if ((await sizeOf(path)) < position) {
      yield* linesIn(await bytesFrom(`${path}.1`, position))
      position = 0
    }
    const bytes = await bytesFrom(path, position)
    const end = bytes.lastIndexOf('\n') + 1
    yield* linesIn(bytes.subarray(0, end))
    position += end
    if (end === 0) await delay(LOOK_MS, undefined, {signal}).catch(() => {})
  }
}

function linesIn(bytes: Buffer): string[] {
  return bytes
    .toString('utf8')
    .split('\n')
    .filter(line => line !== '')
}

async function bytesFrom(path: string, position: number): Promise<Buffer> {
  const file = await open(path, 'r').catch(ifThere)
  if (file === undefined) return Buffer.alloc(0)
  try {
    const {size} = await file.stat()
    const bytes = Buffer.alloc(Math.max(0, size - position))
    const {bytesRead} = await file.read(bytes, 0, bytes.length, position)
    return bytes.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}

async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(ifThere))?.size ?? 0
}

async function textOf(path: string): Promise<string> {
  return (await readFile(path, 'utf8').catch(ifThere)) ?? ''
}

function ifThere(error: NodeJS.ErrnoException): undefined {
  if (codeOf(error) !== 'ENOENT') throw error
  return undefined
}
