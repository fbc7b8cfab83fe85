import type {SessionContext} from '../kv/command.js'

/**
 * A client session (thesis §6.3): numbers the writes, so that the state machine applies each once
 * however often it is sent, and remembers which are still waiting for their answer.
 */
export class Session {
  readonly id: number
  #next = 1
  // Ascending, because a Set keeps the order in which its members came.
  readonly #unanswered = new Set<number>()

  constructor(id: number) {
    this.id = id
  }

  /** The sequence of a new write, unanswered until `answered`. */
  begin(): number {
    const sequence = this.#next++
    this.#unanswered.add(sequence)
    return sequence
  }

  /** The caller has its answer, or has been told that there will be none. */
  answered(sequence: number): void {
    this.#unanswered.delete(sequence)
  }

  /** To be made anew for every time a write is sent. */
  context(sequence: number): SessionContext {
    const [lowestUnanswered = sequence] = this.#unanswered
    return {sessionId: this.id, sequence, lowestUnanswered}
  }
}
