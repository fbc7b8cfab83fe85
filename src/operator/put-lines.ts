import type {ClusterClient} from '../client/cluster-client.js'
import {RaftctlError} from '../errors.js'
import {bytesOf} from './text-value.js'

const IN_FLIGHT_MAX = 1024
const IN_FLIGHT_BYTES_MAX = 8 * 1024 * 1024
const LINE_BYTES_MAX = 8 * 1024 * 1024
const NEWLINE = 0x0a
const BLANK = 0x20

export interface PutSummary {
  /** Lines that are safely written. */
  readonly acknowledged: number
  /** Lines that are certainly not. */
  readonly failed: number
  /** Lines that may be. */
  readonly unknown: number
  /** The first line, from 1, that was not acknowledged. */
  readonly firstFailedLine: number | null
  readonly elapsedMs: number
  readonly failure: RaftctlError | null
}

/**
 * Writes a key and a value a line (the key, a blank, the rest), or what `kv scan --json` prints,
 * many in flight at once, in no order between lines in flight. Stops reading at the first failure
 * and waits for what is under way; never rejects for a line's sake: the summary tells.
 */
export async function putLines(
  client: ClusterClient,
  input: AsyncIterable<Uint8Array>,
  onProgress?: (acknowledged: number) => void,
): Promise<PutSummary> {
  const startedMs = performance.now()
  const pipeline = client.pipeline()
  const waiting = new Set<Promise<void>>()
  const failures: {line: number; error: RaftctlError}[] = []
  let acknowledged = 0
  let bytes = 0
  let line = 0

  const put = ({key, value}: Pair, at: number) => {
    const size = key.length + value.length
    bytes += size
    const task = pipeline
      .put(key, value)
      .then(
        () => {
          acknowledged += 1
          onProgress?.(acknowledged)
        },
        (error: unknown) => {
          failures.push({line: at, error: asRaftctlError(error)})
        },
      )
      .finally(() => {
        bytes -= size
        waiting.delete(task)
      })
    waiting.add(task)
  }

  try {
    for await (const text of splitLines(input)) {
      line += 1
      if (text.length === 0) continue
      put(parseLine(text, line), line)
      while (waiting.size >= IN_FLIGHT_MAX || bytes >= IN_FLIGHT_BYTES_MAX) {
        await Promise.race(waiting)
      }
      if (failures.length > 0) break
    }
  } catch (error) {
    failures.push({line, error: asRaftctlError(error)})
  }
  await Promise.all(waiting)

  return {
    ...summaryOf(acknowledged, failures),
    elapsedMs: Math.round(performance.now() - startedMs),
  }
}

interface Pair {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** RAFTCTL_USAGE, with the line's number, for a line that is no pair. */
export function parseLine(text: Uint8Array, line: number): Pair {
  const buffer = Buffer.from(text.buffer, text.byteOffset, text.byteLength)
  const scanned = buffer[0] === 0x7b ? parseScanned(buffer) : undefined
  if (scanned !== undefined) return scanned
  const blank = buffer.indexOf(BLANK)
  if (blank > 0) return {key: buffer.subarray(0, blank), value: buffer.subarray(blank + 1)}
  throw new RaftctlError(
    'RAFTCTL_USAGE',
    blank === 0 ? `line ${line} has no key` : `line ${line} has no value`,
    {hint: 'Each line is a key, a blank, and the value.', details: {line}},
  )
}

/** One object of `kv scan --json`; undefined for anything else, which may well be a key. */
function parseScanned(text: Buffer): Pair | undefined {
  let object: unknown
  try {
    object = JSON.parse(text.toString())
  } catch {
    return undefined
  }
  const {kind, key, keyEncoding, value, valueEncoding} = object as Record<string, unknown>
  if (kind !== 'KeyValue' || typeof key !== 'string' || typeof value !== 'string') return undefined
  return {
    key: bytesOf({text: key, encoding: keyEncoding === 'base64' ? 'base64' : 'utf8'}),
    value: bytesOf({text: value, encoding: valueEncoding === 'base64' ? 'base64' : 'utf8'}),
  }
}

/** The lines without their ends; a last line needs none. RAFTCTL_TOO_LARGE beyond 8 MiB. */
export async function* splitLines(input: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let kept: Buffer[] = []
  let keptBytes = 0
  for await (const data of input) {
    const chunk = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      const tail = chunk.subarray(start, end)
      yield keptBytes === 0 ? tail : Buffer.concat([...kept, tail])
      kept = []
      keptBytes = 0
      start = end + 1
    }
    if (start === chunk.length) continue
    kept.push(chunk.subarray(start))
    keptBytes += chunk.length - start
    if (keptBytes > LINE_BYTES_MAX) {
      throw new RaftctlError('RAFTCTL_TOO_LARGE', 'a line is longer than 8 MiB', {
        hint: 'A value has at most 1 MiB; put a key and a value on each line.',
      })
    }
  }
  if (keptBytes > 0) yield Buffer.concat(kept)
}

function summaryOf(
  acknowledged: number,
  failures: readonly {line: number; error: RaftctlError}[],
): Omit<PutSummary, 'elapsedMs'> {
  const inDoubt = failures.filter(({error}) => isInDoubt(error))
  const first = failures.reduce<number | null>(
    (lowest, {line}) => (lowest === null || line < lowest ? line : lowest),
    null,
  )
  // What may have happened matters more to whoever goes on than what did not.
  const worst = inDoubt[0] ?? failures.find(({line}) => line === first)
  const failed = failures.length - inDoubt.length
  const unknown = inDoubt.length
  return {
    acknowledged,
    failed,
    unknown,
    firstFailedLine: first,
    failure:
      worst === undefined ? null : explain(worst.error, {acknowledged, failed, unknown, first}),
  }
}

function isInDoubt(error: RaftctlError): boolean {
  return error.outcome === 'unknown' || error.details.sent === true
}

function explain(
  error: RaftctlError,
  {
    acknowledged,
    failed,
    unknown,
    first,
  }: {acknowledged: number; failed: number; unknown: number; first: number | null},
): RaftctlError {
  return new RaftctlError(
    error.code,
    `${error.message}; ${acknowledged} lines were acknowledged, line ${first} is the first that was not`,
    {
      hint: error.hint ?? `Go on from line ${first}; writing a line again does no harm.`,
      details: {
        ...error.details,
        acknowledged,
        failed,
        unknown,
        firstFailedLine: first,
      },
      cause: error,
    },
  )
}

function asRaftctlError(error: unknown): RaftctlError {
  if (error instanceof RaftctlError) return error
  const text = error instanceof Error ? error.message : String(error)
  return new RaftctlError('RAFTCTL_INPUT_OUTPUT', text, {cause: error})
}
