/** Every promise that a simulation checks, by the name that a report gives it. */
export type CheckerName =
  | 'election-safety'
  | 'election-quorum'
  | 'one-vote-a-term'
  | 'promise-before-durable'
  | 'false-acknowledgement'
  | 'leader-append-only'
  | 'log-matching'
  | 'leader-completeness'
  | 'state-machine-safety'
  | 'apply-order'
  | 'commit-quorum'
  | 'monotone'
  | 'durability'
  | 'damage-detected'
  | 'snapshot-content'
  | 'disjoint-quorums'
  | 'wrongly-removed'
  | 'flow-bounds'
  | 'acknowledged-lost'
  | 'applied-twice'
  | 'linearizability'
  | 'node-failed'
  | 'liveness'
  | 'livelock'
  | 'low-disk'
  | 'convergence'

export interface Violation {
  readonly checker: CheckerName
  readonly message: string
  /** Steps handled before it. */
  readonly step: number
  /** Simulated time. */
  readonly atMs: number
}

/** Takes the first violation; whatever comes after one may only follow from it. */
export class Verdict {
  violation: Violation | undefined
  readonly #moment: () => {readonly step: number; readonly atMs: number}

  constructor(moment: () => {readonly step: number; readonly atMs: number}) {
    this.#moment = moment
  }

  violated(checker: CheckerName, message: string): void {
    this.violation ??= {checker, message, ...this.#moment()}
  }
}
