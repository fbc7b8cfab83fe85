/**
 * Client sessions (thesis §6.3): what makes a write that is proposed twice apply once. Part of the
 * replicated state, so nothing here knows of time: age is order in the log.
 *
 * A session's record (little-endian):
 *
 *   offset  bytes  field
 *        0      8  log index of its last new command
 *        8      8  lowest unanswered sequence
 *       16      4  number of results kept
 *       20     25  each, by ascending sequence: sequence 8, what it did (results.ts)
 */
import {readUint32, readUint64, writeUint32, writeUint64} from './bytes.js'
import type {SessionContext} from './command.js'
import {type KeptResult, RESULT_BYTES, readResult, writeResult} from './results.js'

/** Sessions beyond this many: the least recently used by log order goes. */
export const SESSIONS_MAX = 10_000
/** Results a session may have kept; a command further ahead is refused. */
export const SESSION_RESULTS_MAX = 4096
/** Results kept in all; beyond it the least recently used sessions go. */
export const RESULTS_MAX = 1_000_000

/** Why a command of a session was not applied. It never will be: the refusal changes nothing. */
export type SessionRefusal =
  | {readonly kind: 'session-expired'}
  /** The client said that it has this answer, so it is no longer kept. */
  | {readonly kind: 'result-forgotten'}
  | {readonly kind: 'session-window-full'; readonly lowestUnanswered: number}

export type Admission =
  | {readonly kind: 'new'; readonly session: Session}
  | {readonly kind: 'repeated'; readonly result: KeptResult}
  | {readonly kind: 'refused'; readonly refusal: SessionRefusal}

export interface Session {
  readonly id: number
  lastUsedIndex: number
  lowestUnanswered: number
  readonly results: Map<number, KeptResult>
}

const HEADER_BYTES = 20
const KEPT_BYTES = 8 + RESULT_BYTES

export class SessionTable {
  // A Map keeps insertion order: a session moves to the end when it is used, so the first is the
  // least recently used.
  readonly #sessions = new Map<number, Session>()
  /** The one at the end, once one was moved there. */
  #newest: Session | undefined
  #results = 0

  constructor(sessions: Iterable<Session> = []) {
    const ordered = [...sessions].sort((a, b) => a.lastUsedIndex - b.lastUsedIndex)
    for (const session of ordered) {
      this.#sessions.set(session.id, session)
      this.#results += session.results.size
    }
  }

  get size(): number {
    return this.#sessions.size
  }

  get(id: number): Session | undefined {
    return this.#sessions.get(id)
  }

  /** Opens the session of the entry at `index`. Returns the ids of the sessions that had to go. */
  open(index: number): number[] {
    this.#moveToEnd({id: index, lastUsedIndex: index, lowestUnanswered: 1, results: new Map()})
    return this.#evict()
  }

  /** Decides about a command; changes nothing. */
  admit(context: SessionContext): Admission {
    const session = this.#sessions.get(context.sessionId)
    if (session === undefined) return {kind: 'refused', refusal: {kind: 'session-expired'}}
    const result = session.results.get(context.sequence)
    if (result !== undefined) return {kind: 'repeated', result}
    if (context.sequence < session.lowestUnanswered) {
      return {kind: 'refused', refusal: {kind: 'result-forgotten'}}
    }
    const lowest = Math.max(session.lowestUnanswered, context.lowestUnanswered)
    if (context.sequence >= lowest + SESSION_RESULTS_MAX) {
      return {
        kind: 'refused',
        refusal: {kind: 'session-window-full', lowestUnanswered: lowest},
      }
    }
    return {kind: 'new', session}
  }

  /**
   * Keeps the result of a command that was admitted as new, applied by the entry at `index`, and
   * forgets those that the client has. Returns the ids of the sessions that had to go.
   */
  keep(session: Session, context: SessionContext, result: KeptResult, index: number): number[] {
    if (context.lowestUnanswered > session.lowestUnanswered) {
      this.#forgetBelow(session, context.lowestUnanswered)
    }
    session.results.set(context.sequence, result)
    this.#results++
    session.lastUsedIndex = index
    this.#moveToEnd(session)
    return this.#evict()
  }

  #moveToEnd(session: Session): void {
    if (this.#newest === session) return
    this.#newest = session
    this.#sessions.delete(session.id)
    this.#sessions.set(session.id, session)
  }

  #forgetBelow(session: Session, lowest: number): void {
    const before = session.results.size
    if (lowest - session.lowestUnanswered <= before) {
      for (let sequence = session.lowestUnanswered; sequence < lowest; sequence++) {
        session.results.delete(sequence)
      }
    } else {
      for (const sequence of session.results.keys()) {
        if (sequence < lowest) session.results.delete(sequence)
      }
    }
    session.lowestUnanswered = lowest
    this.#results -= before - session.results.size
  }

  #evict(): number[] {
    const evicted: number[] = []
    while (this.#sessions.size > SESSIONS_MAX || this.#results > RESULTS_MAX) {
      const oldest: Session = this.#sessions.values().next().value!
      this.#sessions.delete(oldest.id)
      this.#results -= oldest.results.size
      evicted.push(oldest.id)
    }
    return evicted
  }
}

export function encodeSession(session: Session): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + session.results.size * KEPT_BYTES)
  writeUint64(bytes, 0, session.lastUsedIndex)
  writeUint64(bytes, 8, session.lowestUnanswered)
  writeUint32(bytes, 16, session.results.size)
  let at = HEADER_BYTES
  for (const sequence of [...session.results.keys()].sort((a, b) => a - b)) {
    const result = session.results.get(sequence)!
    writeUint64(bytes, at, sequence)
    writeResult(bytes, at + 8, result)
    at += KEPT_BYTES
  }
  return bytes
}

/** Reads what `encodeSession` wrote; undefined for anything else. */
export function decodeSession(id: number, bytes: Uint8Array): Session | undefined {
  if (bytes.length < HEADER_BYTES) return undefined
  const lastUsedIndex = readUint64(bytes, 0)
  const lowestUnanswered = readUint64(bytes, 8)
  const count = readUint32(bytes, 16)
  if (!(lastUsedIndex >= id && lowestUnanswered >= 1 && count <= SESSION_RESULTS_MAX)) {
    return undefined
  }
  if (bytes.length !== HEADER_BYTES + count * KEPT_BYTES) return undefined
  const results = new Map<number, KeptResult>()
  let previous = lowestUnanswered - 1
  for (let at = HEADER_BYTES; at < bytes.length; at += KEPT_BYTES) {
    const sequence = readUint64(bytes, at)
    const result = readResult(bytes, at + 8)
    if (!(sequence > previous) || result === undefined) return undefined
    results.set(sequence, result)
    previous = sequence
  }
  return {id, lastUsedIndex, lowestUnanswered, results}
}
