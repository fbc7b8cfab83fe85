import type {ClusterClient} from '../client/cluster-client.js'
import type {KeyChange} from '../client/types.js'
import {RaftctlError} from '../errors.js'
import {textValueOf} from './text-value.js'

/** A pair as `--json` shows it. */
export interface KeyValueRecord {
  readonly key: string
  readonly keyEncoding: 'utf8' | 'base64'
  readonly value: string
  readonly valueEncoding: 'utf8' | 'base64'
  /** Log index of the write that made it. */
  readonly version: number
}

/** The record and the bytes themselves. RAFTCTL_KEY_NOT_FOUND. */
export async function getValue(
  client: ClusterClient,
  key: string,
): Promise<{record: KeyValueRecord; value: Uint8Array}> {
  const bytes = Buffer.from(key)
  const found = await client.get(bytes)
  if (found === undefined) {
    throw new RaftctlError('RAFTCTL_KEY_NOT_FOUND', `there is no key "${key}"`, {
      hint: 'Run "raftctl kv scan --prefix …" to see the keys there are.',
      details: {key},
    })
  }
  return {record: keyValueRecord({key: bytes, ...found}), value: found.value}
}

export interface ScanOptions {
  readonly prefix?: string | undefined
  /** Inclusive. */
  readonly from?: string | undefined
  /** Exclusive. */
  readonly to?: string | undefined
  readonly limit?: number | undefined
}

/** In the order of the keys' bytes; linearizable as of the first page. */
export async function* scanValues(
  client: ClusterClient,
  {prefix, from, to, limit}: ScanOptions,
): AsyncGenerator<KeyValueRecord> {
  const bounds = prefix === undefined ? undefined : prefixBounds(Buffer.from(prefix))
  const start = highest(bounds?.start, from === undefined ? undefined : Buffer.from(from))
  const end = lowest(bounds?.end, to === undefined ? undefined : Buffer.from(to))
  if (start !== undefined && end !== undefined && Buffer.compare(start, end) >= 0) return
  for await (const item of client.range({start, end, limit})) yield keyValueRecord(item)
}

/** Every key with the prefix, and no other, is in [start, end); an end of undefined is no end. */
export function prefixBounds(prefix: Buffer): {start: Buffer; end: Buffer | undefined} {
  let length = prefix.length
  while (length > 0 && prefix[length - 1] === 0xff) length -= 1
  if (length === 0) return {start: prefix, end: undefined}
  const end = Buffer.from(prefix.subarray(0, length))
  end[length - 1]! += 1
  return {start: prefix, end}
}

function keyValueRecord(item: {
  key: Uint8Array
  value: Uint8Array
  version: number
}): KeyValueRecord {
  const key = textValueOf(item.key)
  const value = textValueOf(item.value)
  return {
    key: key.text,
    keyEncoding: key.encoding,
    value: value.text,
    valueEncoding: value.encoding,
    version: item.version,
  }
}

function highest(a: Buffer | undefined, b: Buffer | undefined): Buffer | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return Buffer.compare(a, b) >= 0 ? a : b
}

function lowest(a: Buffer | undefined, b: Buffer | undefined): Buffer | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return Buffer.compare(a, b) <= 0 ? a : b
}

/** A change as `--json` shows it; the value of a delete is null. */
export interface KeyChangeRecord {
  readonly op: 'put' | 'delete'
  readonly key: string
  readonly keyEncoding: 'utf8' | 'base64'
  readonly value: string | null
  readonly valueEncoding: 'utf8' | 'base64' | null
  readonly version: number
}

export interface WatchWish {
  /** This key alone. */
  readonly key?: string | undefined
  readonly prefix?: string | undefined
  /** Changes after this version; undefined: from now on. */
  readonly after?: number | undefined
  /** How many; undefined: until told to stop. */
  readonly count?: number | undefined
}

export async function* watchKeys(
  client: ClusterClient,
  {key, prefix, after, count = Number.POSITIVE_INFINITY}: WatchWish,
): AsyncGenerator<KeyChangeRecord> {
  let bounds: {start?: Uint8Array; end?: Uint8Array | undefined} = {}
  if (key !== undefined) bounds = {start: Buffer.from(key), end: Buffer.from(`${key}\0`)}
  else if (prefix !== undefined) bounds = prefixBounds(Buffer.from(prefix))
  let left = count
  for await (const change of client.watch({...bounds, after})) {
    yield changeRecord(change)
    if (--left <= 0) return
  }
}

function changeRecord({op, key: keyBytes, value: valueBytes, version}: KeyChange): KeyChangeRecord {
  const key = textValueOf(keyBytes)
  const value = op === 'put' ? textValueOf(valueBytes) : undefined
  return {
    op,
    key: key.text,
    keyEncoding: key.encoding,
    value: value?.text ?? null,
    valueEncoding: value?.encoding ?? null,
    version,
  }
}

export interface KeyDeletion {
  readonly key: string
  /** False: there was no such key. */
  readonly changed: boolean
  readonly index: number
}

export async function deleteKey(client: ClusterClient, key: string): Promise<KeyDeletion> {
  const {deleted, index} = await client.delete(Buffer.from(key))
  return {key, changed: deleted, index}
}
