import {createHash} from 'node:crypto'
import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {onTestFinished} from 'vitest'
import {encodeCommand, type SessionContext} from '../../src/kv/command.js'
import type {RangeItem} from '../../src/kv/range.js'
import type {StateMachine} from '../../src/node/ports.js'
import {encodeEntry} from '../../src/raft/entry.js'
import {EMPTY_MEMBERSHIP, encodeMembership, type Membership} from '../../src/raft/membership.js'
import {type Entry, logIndex, nodeId, term} from '../../src/raft/types.js'

const utf8 = new TextEncoder()

export const bytes = (text: string): Uint8Array => utf8.encode(text)
export const text = (data: Uint8Array | undefined): string | undefined =>
  data === undefined ? undefined : new TextDecoder().decode(data)

interface Options {
  readonly session?: SessionContext
  readonly expectedVersion?: number
}

export const put = (key: string, value: string, options: Options = {}): Uint8Array =>
  encodeCommand({
    op: 'put',
    key: bytes(key),
    value: bytes(value),
    session: options.session,
    expectedVersion: options.expectedVersion,
  })

export const remove = (key: string, options: Options = {}): Uint8Array =>
  encodeCommand({
    op: 'delete',
    key: bytes(key),
    session: options.session,
    expectedVersion: options.expectedVersion,
  })

export const openSession = (): Uint8Array => encodeCommand({op: 'open-session'})

export const inSession = (
  sessionId: number,
  sequence: number,
  lowestUnanswered = 0,
): SessionContext => ({sessionId, sequence, lowestUnanswered})

export const membershipOf = (index: number, name = 'one'): Membership => ({
  ...EMPTY_MEMBERSHIP,
  index: logIndex(index),
  members: [
    {id: nodeId(1), name, address: 'localhost:1', storeId: 'store', promoteWhenReady: false},
  ],
  voters: [nodeId(1)],
  nextMemberId: 2,
  origin: {timeMs: 1, actor: 'tester', reason: `at ${index}`},
})

/** Gives what is applied its place in the log: entries follow each other without a gap. */
export class Log {
  #next: number
  readonly #term: number

  constructor(next = 1, ofTerm = 1) {
    this.#next = next
    this.#term = ofTerm
  }

  command(data: Uint8Array): Entry {
    return encodeEntry(logIndex(this.#next++), term(this.#term), 'command', data)
  }

  blank(): Entry {
    return encodeEntry(logIndex(this.#next++), term(this.#term), 'blank')
  }

  checkpoint(): Entry {
    return this.command(encodeCommand({op: 'checkpoint'}))
  }

  membership(name?: string): Entry {
    const data = encodeMembership(membershipOf(this.#next, name))
    return encodeEntry(logIndex(this.#next++), term(this.#term), 'membership', data)
  }
}

/** Applies one command and gives its result. */
export async function applyOne(machine: StateMachine, entry: Entry): Promise<unknown> {
  return (await machine.apply([entry]))[0]
}

export async function contentOf(machine: StateMachine): Promise<Buffer> {
  const snapshot = machine.snapshot()
  try {
    return await collect(snapshot.content)
  } finally {
    snapshot.close()
  }
}

export async function collect(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of content) chunks.push(Uint8Array.from(chunk))
  return Buffer.concat(chunks)
}

export async function* chunksOf(content: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += size) yield content.subarray(at, at + size)
}

export const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex')

export const shown = (items: readonly RangeItem[]) =>
  items.map(({key, value, version}) => [text(key), text(value), version])

export async function temporaryDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'raftctl-kv-'))
  onTestFinished(() => rm(path, {recursive: true, force: true}))
  return path
}
