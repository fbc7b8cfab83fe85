/** Elections (paper §5.2, §5.4): who leads, who voted for whom, and what a leader must hold. */
import type {CoreView} from '../../node/runtime.js'
import type {Message} from '../../raft/messages.js'
import {majority} from '../../raft/quorum.js'
import type {HardState, NodeId} from '../../raft/types.js'
import type {Disks} from './disks.js'
import type {Verdict} from './verdict.js'

export class Elections {
  readonly #verdict: Verdict
  readonly #disks: Disks
  readonly #leaders = new Map<number, NodeId>()
  /** By term, then by voter. */
  readonly #votes = new Map<number, Map<NodeId, NodeId>>()
  readonly #granted = new Map<number, Map<NodeId, NodeId>>()
  /** Highest index committed by the leader of a term. */
  readonly #committedBy = new Map<number, {index: number; entryTerm: number}>()

  constructor(verdict: Verdict, disks: Disks) {
    this.#verdict = verdict
    this.#disks = disks
  }

  get count(): number {
    return this.#leaders.size
  }

  leads(id: NodeId, term: number): boolean {
    return this.#leaders.get(term) === id
  }

  /** This node's disk says so from now on. */
  durable(id: NodeId, {term, votedFor}: HardState): void {
    if (votedFor === undefined) return
    this.#note(this.#votes, term, id, votedFor)
  }

  sent(message: Message): void {
    if (message.kind === 'request-vote-response' && message.granted) this.#vote(message)
    else if (message.kind === 'append-entries-response' && !message.rejected) {
      this.#acknowledged(message, message.index)
    } else if (message.kind === 'install-snapshot-response') {
      this.#acknowledged(message, message.index)
    }
  }

  /** The leader of `term` has committed this position. */
  committed(term: number, index: number, entryTerm: number): void {
    const before = this.#committedBy.get(term)
    if (before === undefined || before.index < index) {
      this.#committedBy.set(term, {index, entryTerm})
    }
  }

  /** Called while the node leads; what needs looking at once a term is looked at once. */
  leading(core: CoreView): void {
    const {nodeId: id, currentTerm: term} = core
    const known = this.#leaders.get(term)
    if (known === id) return
    if (known !== undefined) {
      this.#verdict.violated('election-safety', `nodes ${known} and ${id} both lead term ${term}`)
      return
    }
    this.#leaders.set(term, id)
    this.#checkElected(core)
    this.#checkCompleteness(id, term)
  }

  #vote({from, to, term}: Message): void {
    this.#note(this.#granted, term, from, to)
    const {hardState} = this.#disks.of(from)
    // A later term on disk holds the promise too: the node never votes in this one again.
    if (hardState.term > term || (hardState.term === term && hardState.votedFor === to)) return
    this.#verdict.violated(
      'promise-before-durable',
      `node ${from} grants node ${to} its vote in term ${term}, which its disk does not hold`,
    )
  }

  /** What is acknowledged is on the disk, and is what the leader has there. */
  #acknowledged({from, to, term}: Message, index: number): void {
    const disk = this.#disks.of(from)
    // It has moved on meanwhile, and its disk says so: it can't forget whom it followed since.
    if (disk.hardState.term > term) return
    if (index > disk.lastIndex) {
      this.#verdict.violated(
        'promise-before-durable',
        `node ${from} acknowledges ${index}; its disk ends at ${disk.lastIndex}`,
      )
      return
    }
    const own = disk.termAt(index)
    const leader = this.#disks.of(to)
    if (own === undefined || leader.hardState.term !== term || !this.leads(to, term)) return
    const theirs = leader.writtenTermAt(index)
    if (theirs === undefined || theirs === own) return
    this.#verdict.violated(
      'false-acknowledgement',
      `node ${from} acknowledges ${index} with term ${own} to the leader of term ${term}, which has term ${theirs} there`,
    )
  }

  #note(votes: Map<number, Map<NodeId, NodeId>>, term: number, id: NodeId, to: NodeId): void {
    let ofTerm = votes.get(term)
    if (ofTerm === undefined) {
      ofTerm = new Map()
      votes.set(term, ofTerm)
    }
    const before = ofTerm.get(id)
    if (before === undefined) ofTerm.set(id, to)
    else if (before !== to) {
      this.#verdict.violated(
        'one-vote-a-term',
        `node ${id} votes for nodes ${before} and ${to} in term ${term}`,
      )
    }
  }

  /** A leader has the durable votes of a majority of each half that it counts under. */
  #checkElected({nodeId: id, currentTerm: term, membership}: CoreView): void {
    const votes = this.#votes.get(term)
    const sent = this.#granted.get(term)
    for (const half of [membership.voters, membership.votersOutgoing]) {
      if (half.length === 0) continue
      const granted = half.filter(voter => votes?.get(voter) === id || sent?.get(voter) === id)
      if (granted.length >= majority(half.length)) continue
      this.#verdict.violated(
        'election-quorum',
        `node ${id} leads term ${term} with the votes of [${granted}] out of [${half}]`,
      )
    }
  }

  /** Leader completeness (paper §5.4.3): it holds whatever leaders of earlier terms committed. */
  #checkCompleteness(id: NodeId, term: number): void {
    const disk = this.#disks.of(id)
    for (const [earlier, {index, entryTerm}] of this.#committedBy) {
      if (earlier >= term || disk.holds(index, entryTerm)) continue
      this.#verdict.violated(
        'leader-completeness',
        `node ${id} leads term ${term} without entry ${index} of term ${entryTerm}, committed in term ${earlier}`,
      )
    }
  }
}
