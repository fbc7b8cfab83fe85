/** Term, commit index and applied index of a node never fall, in one process and across restarts. */
import type {CoreView} from '../../node/runtime.js'
import type {NodeId} from '../../raft/types.js'
import type {Disks} from './disks.js'
import type {Verdict} from './verdict.js'

interface Seen {
  term: number
  commitIndex: number
  lastApplied: number
  membershipIndex: number
}

export class Monotone {
  readonly #verdict: Verdict
  readonly #disks: Disks
  readonly #seen = new Map<NodeId, Seen>()

  constructor(verdict: Verdict, disks: Disks) {
    this.#verdict = verdict
    this.#disks = disks
  }

  /** A process has begun: what its disk held is the least that it must know. */
  started(id: NodeId, appliedIndex: number): void {
    const {term, commitIndex} = this.#disks.of(id).hardState
    const membershipIndex = 0
    this.#seen.set(id, {term, commitIndex, lastApplied: appliedIndex, membershipIndex})
  }

  /** Returns whether the commit index has moved. */
  look(core: CoreView): boolean {
    const seen = this.#seen.get(core.nodeId)!
    const {currentTerm, commitIndex, lastApplied, membership} = core
    if (
      currentTerm < seen.term ||
      commitIndex < seen.commitIndex ||
      lastApplied < seen.lastApplied ||
      membership.index < seen.membershipIndex ||
      lastApplied > commitIndex ||
      membership.index > lastApplied
    ) {
      const now = `term ${currentTerm}, commit ${commitIndex}, applied ${lastApplied}, membership ${membership.index}`
      const was = `term ${seen.term}, commit ${seen.commitIndex}, applied ${seen.lastApplied}, membership ${seen.membershipIndex}`
      this.#verdict.violated('monotone', `node ${core.nodeId}: ${now}; before: ${was}`)
    }
    const hasMoved = commitIndex > seen.commitIndex
    seen.term = currentTerm
    seen.commitIndex = commitIndex
    seen.lastApplied = lastApplied
    seen.membershipIndex = membership.index
    return hasMoved
  }
}
