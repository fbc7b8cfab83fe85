import type {ClusterClient} from '../client/cluster-client.js'
import type {KeyPut} from '../client/types.js'
import {RaftctlError} from '../errors.js'

const VALUE_BYTES_MAX = 1024 * 1024

export type WantedPut =
  /** `value` undefined: from standard input. */
  {kind: 'pair'; key: string; value: Uint8Array | undefined} | {kind: 'lines'}

/** What the arguments of a put mean. RAFTCTL_USAGE for what they can't. */
export function wantedPut(
  key: string | undefined,
  value: string | undefined,
  lines: boolean,
): WantedPut {
  if (lines) {
    if (key === undefined) return {kind: 'lines'}
    throw usage('--stdin reads the keys too: give no KEY with it')
  }
  if (key === undefined || value === undefined) {
    throw usage(key === undefined ? 'there is no KEY' : `there is no VALUE for "${key}"`)
  }
  if (key === '') throw usage('the KEY is empty')
  return {kind: 'pair', key, value: value === '-' ? undefined : Buffer.from(value)}
}

export function putPair(
  client: ClusterClient,
  key: string,
  value: Uint8Array,
  options: {readonly expectedVersion?: number | undefined} = {},
): Promise<KeyPut> {
  return client.put(Buffer.from(key), value, options)
}

/** RAFTCTL_TOO_LARGE as soon as it is more than a value can be. */
export async function readAll(input: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of input) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes > VALUE_BYTES_MAX) {
      throw new RaftctlError('RAFTCTL_TOO_LARGE', 'the value is larger than 1 MiB', {
        hint: 'Split it over several keys.',
        details: {bytesMax: VALUE_BYTES_MAX},
      })
    }
  }
  return Buffer.concat(chunks)
}

function usage(message: string): RaftctlError {
  return new RaftctlError('RAFTCTL_USAGE', message, {
    hint: 'Give KEY and VALUE, KEY and - to read the value, or --stdin; see "raftctl kv put --help".',
  })
}
