/** The promise to clients: an acknowledged write is there for good, and no write happens twice. */
import {decodeCommand} from '../../kv/command.js'
import type {CommandResult} from '../../kv/state.js'
import {entryData} from '../../raft/entry.js'
import type {AppliedEntry, Commits} from './commits.js'
import type {Verdict} from './verdict.js'

export class Writes {
  readonly #verdict: Verdict
  readonly #commits: Commits
  /** By session, then sequence: the index at which the write took effect. */
  readonly #effects = new Map<number, Map<number, number>>()
  readonly #acknowledged: {readonly session: number; readonly sequence: number; index: number}[] =
    []

  constructor(verdict: Verdict, commits: Commits) {
    this.#verdict = verdict
    this.#commits = commits
  }

  get acknowledgedCount(): number {
    return this.#acknowledged.length
  }

  /** Entries that were applied for the first time anywhere. */
  applied(entries: readonly AppliedEntry[]): void {
    for (const {entry, result} of entries) {
      if (entry.kind !== 'command') continue
      const command = decodeCommand(entryData(entry))
      if (command.op !== 'put' && command.op !== 'delete') continue
      const {session} = command
      if (session === undefined || effectOf(result as CommandResult) !== entry.index) continue
      const {sessionId, sequence} = session
      let effects = this.#effects.get(sessionId)
      if (effects === undefined) {
        effects = new Map()
        this.#effects.set(sessionId, effects)
      }
      const before = effects.get(sequence)
      if (before !== undefined) {
        this.#verdict.violated(
          'applied-twice',
          `write ${sequence} of session ${sessionId} takes effect at ${before} and at ${entry.index}`,
        )
      }
      effects.set(sequence, entry.index)
    }
  }

  /** A client was told that its write took effect. */
  acknowledged(session: number, sequence: number, result: CommandResult): void {
    const index = effectOf(result)
    if (index === undefined) return
    const known = this.#effects.get(session)?.get(sequence)
    if (known !== index) {
      this.#verdict.violated(
        'acknowledged-lost',
        `write ${sequence} of session ${session} is acknowledged at ${index}, applied at ${known}`,
      )
    }
    this.#acknowledged.push({session, sequence, index})
  }

  /** At the end, every member stands at `appliedIndex`. */
  finish(appliedIndex: number): void {
    for (const {session, sequence, index} of this.#acknowledged) {
      if (index <= appliedIndex && this.#commits.appliedAt(index) !== undefined) continue
      this.#verdict.violated(
        'acknowledged-lost',
        `write ${sequence} of session ${session} was acknowledged at ${index}; the members end at ${appliedIndex}`,
      )
    }
  }
}

/** The index at which a write changed the state; undefined if it did not. */
function effectOf(result: CommandResult): number | undefined {
  if (result.kind === 'put') return result.version
  if (result.kind === 'delete') return result.index
  return undefined
}
