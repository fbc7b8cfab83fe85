/** What is committed and applied: by whose word, in which order, and the same everywhere. */

import type {CoreView} from '../../node/runtime.js'
import {entryData} from '../../raft/entry.js'
import {decodeMembership, type Membership} from '../../raft/membership.js'
import type {SnapshotMeta} from '../../raft/messages.js'
import type {Entry, NodeId} from '../../raft/types.js'
import type {Disks} from './disks.js'
import type {Elections} from './elections.js'
import type {LogMatching} from './log-matching.js'
import {disjointQuorums} from './quorums.js'
import type {Verdict} from './verdict.js'

/** What was applied at an index. */
export interface AppliedEntry {
  readonly term: number
  readonly entry: Entry
  readonly result: unknown
}

export class Commits {
  readonly #verdict: Verdict
  readonly #disks: Disks
  readonly #elections: Elections
  readonly #matching: LogMatching
  readonly #applied: (AppliedEntry | undefined)[] = []
  /** Where each node's state stands. */
  readonly #appliedTo = new Map<NodeId, number>()
  readonly memberships: Membership[] = []
  highest = 0
  changes = 0

  constructor(verdict: Verdict, disks: Disks, elections: Elections, matching: LogMatching) {
    this.#verdict = verdict
    this.#disks = disks
    this.#elections = elections
    this.#matching = matching
  }

  get membership(): Membership | undefined {
    return this.memberships.at(-1)
  }

  appliedAt(index: number): AppliedEntry | undefined {
    return this.#applied[index]
  }

  /** A group begins with its first entry committed, by agreement of all its voters. */
  founded(entry: Entry): void {
    this.highest = entry.index
    this.#noteMembership(entry)
  }

  /** A node's commit index has moved to what `core` shows. */
  moved(core: CoreView): void {
    const {nodeId: id, commitIndex, currentTerm, role, membership} = core
    if (commitIndex <= this.highest) return
    if (role !== 'leader') {
      this.#verdict.violated(
        'commit-quorum',
        `node ${id} knows ${commitIndex} as committed, which no leader has committed yet`,
      )
    }
    const entryTerm = this.#disks.of(id).termAt(commitIndex) ?? currentTerm
    if (entryTerm !== currentTerm) {
      this.#verdict.violated(
        'commit-quorum',
        `node ${id} commits entry ${commitIndex} of term ${entryTerm} in term ${currentTerm}`,
      )
    }
    if (!this.#disks.onQuorum(membership, commitIndex, currentTerm)) {
      this.#verdict.violated(
        'commit-quorum',
        `node ${id} commits ${commitIndex} in term ${currentTerm} without a majority of the disks of [${membership.voters}] [${membership.votersOutgoing}]`,
      )
    }
    this.highest = commitIndex
    this.#elections.committed(currentTerm, commitIndex, currentTerm)
  }

  /** Returns the entries that nobody had applied before. */
  applied(id: NodeId, entries: readonly Entry[], results: readonly unknown[]): AppliedEntry[] {
    const fresh: AppliedEntry[] = []
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i]!
      const result = results[i]
      this.#follow(id, entry.index)
      const before = this.#applied[entry.index]
      if (before === undefined) {
        const now = {term: entry.term, entry, result}
        this.#applied[entry.index] = now
        fresh.push(now)
        this.#checkFirst(id, entry)
      } else this.#checkSame(id, before, entry, result)
    }
    return fresh
  }

  /** The state was replaced by a snapshot's, or is found at `index` after a restart. */
  standsAt(id: NodeId, index: number): void {
    this.#appliedTo.set(id, index)
  }

  installed(id: NodeId, {index, term}: SnapshotMeta): void {
    const before = this.#applied[index]
    if (before !== undefined && before.term !== term) {
      this.#verdict.violated(
        'state-machine-safety',
        `node ${id} installs a snapshot of term ${term} at ${index}, where term ${before.term} was applied`,
      )
    }
    if ((this.#appliedTo.get(id) ?? 0) > index) {
      this.#verdict.violated('apply-order', `node ${id} goes back to the snapshot at ${index}`)
    }
    this.#appliedTo.set(id, index)
  }

  #follow(id: NodeId, index: number): void {
    const before = this.#appliedTo.get(id) ?? 0
    if (index !== before + 1) {
      this.#verdict.violated('apply-order', `node ${id} applies ${index} after ${before}`)
    }
    if (index > this.highest) {
      this.#verdict.violated('apply-order', `node ${id} applies ${index}, which is not committed`)
    }
    this.#appliedTo.set(id, index)
  }

  #checkFirst(id: NodeId, entry: Entry): void {
    if (!this.#matching.isOriginal(entry)) {
      this.#verdict.violated('state-machine-safety', `node ${id} applies an altered ${entry.index}`)
    }
    this.#noteMembership(entry)
  }

  #noteMembership(entry: Entry): void {
    if (entry.kind !== 'membership' || (this.membership?.index ?? 0) >= entry.index) return
    const next = decodeMembership(entryData(entry), entry.index)
    if (next === undefined) {
      this.#verdict.violated('state-machine-safety', `membership ${entry.index} can't be read`)
      return
    }
    const disjoint = this.membership && disjointQuorums(this.membership, next)
    if (disjoint !== undefined) {
      this.#verdict.violated(
        'disjoint-quorums',
        `[${disjoint}] decides under membership ${this.membership!.index}, all others under ${next.index}`,
      )
    }
    this.memberships.push(next)
    this.changes++
  }

  #checkSame(id: NodeId, before: AppliedEntry, entry: Entry, result: unknown): void {
    const {index, term, record} = entry
    if (before.term !== term) {
      this.#verdict.violated(
        'state-machine-safety',
        `node ${id} applies term ${term} at ${index}, another node term ${before.term}`,
      )
    } else if (
      before.entry.record !== record &&
      Buffer.compare(before.entry.record, record) !== 0
    ) {
      this.#verdict.violated('state-machine-safety', `node ${id} applies other bytes at ${index}`)
    }
    if (!sameResult(before.result, result)) {
      this.#verdict.violated(
        'state-machine-safety',
        `entry ${index} gives ${JSON.stringify(result)} on node ${id}, ${JSON.stringify(before.result)} elsewhere`,
      )
    }
  }
}

/** Results are flat objects of numbers, strings and booleans. */
function sameResult(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  const left = a as Record<string, unknown>
  const right = b as Record<string, unknown>
  for (const field in left) if (left[field] !== right[field]) return false
  for (const field in right) if (!(field in left)) return false
  return true
}
