/** Entries that depend on their index alone, so that any two processes apply the same history. */
import {encodeCommand} from '../../src/kv/command.js'
import {encodeEntry} from '../../src/raft/entry.js'
import {type Entry, logIndex, term} from '../../src/raft/types.js'

export function workloadEntry(index: number): Entry {
  return encodeEntry(logIndex(index), term(1 + Math.floor(index / 1000)), 'command', data(index))
}

function data(index: number): Uint8Array {
  if (index % 500 === 1) return encodeCommand({op: 'open-session'})
  const sessionId = index - ((index - 1) % 500)
  const sequence = index - sessionId
  const key = new TextEncoder().encode(`key ${(index * 7919) % 3000}`)
  const session = {sessionId, sequence, lowestUnanswered: Math.max(1, sequence - 20)}
  if (index % 11 === 0) {
    return encodeCommand({op: 'delete', key, session, expectedVersion: undefined})
  }
  const value = new Uint8Array((index * 31) % 900).fill(index & 0xff)
  return encodeCommand({op: 'put', key, value, session, expectedVersion: undefined})
}
