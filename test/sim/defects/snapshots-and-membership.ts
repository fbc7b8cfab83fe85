import type {Defect} from './defect.js'
import {patch, schedules, testIn} from './defect.js'

export const SNAPSHOTS: readonly Defect[] = [
  {
    area: 'snapshots',
    name: 'an empty or partial snapshot advances the applied index',
    patches: [
      patch(
        'storage/snapshot-receiver',
        'if (this.#offset !== this.bytes) {',
        'if (this.#offset > this.bytes) {',
      ),
    ],
    finder: testIn('storage/snapshot-store'),
  },
  {
    area: 'snapshots',
    name: 'a conflicting suffix is kept',
    patches: [
      patch(
        'raft/log',
        `    this.installing = snapshot
    this.#unstable = []
    this.#unstableFirst = next(snapshot.index)`,
        `    const after = next(snapshot.index)
    const suffix = after <= this.lastIndex ? this.entries(after, this.lastIndex, 1e9) : []
    this.installing = snapshot
    this.#unstable = suffix
    this.#unstableFirst = after`,
      ),
    ],
    finder: testIn('raft/paper', 'snapshots (§7)'),
  },
  {
    area: 'snapshots',
    name: 'the leader never moves next and resends for ever',
    patches: [
      patch(
        'raft/snapshot',
        `  progress.acknowledge(response.index)
`,
        '',
      ),
    ],
    finder: schedules,
  },
  {
    area: 'snapshots',
    name: 'a snapshot takes the commit index back',
    patches: [
      patch(
        'raft/snapshot',
        'if (snapshot.index > log.commitIndex) {',
        'if (snapshot.index > 0) {',
      ),
    ],
    finder: testIn('raft/paper', 'snapshots (§7)'),
  },
  {
    area: 'snapshots',
    name: 'holes are left between chunks',
    patches: [
      patch(
        'storage/snapshot-receiver',
        'if (offset !== this.#offset) {',
        'if (offset < this.#offset) {',
      ),
      patch(
        'storage/snapshot-receiver',
        '      this.#offset += chunk.length',
        '      this.#offset = offset + chunk.length',
      ),
    ],
    finder: testIn('storage/snapshot-store'),
  },
  {
    area: 'snapshots',
    name: 'chunks of two streams are mixed',
    patches: [
      patch(
        'storage/snapshot-receiver',
        '  refuseIfOver(): void {\n    if (this.#isOver)',
        '  refuseIfOver(): void {\n    if (this.#isFinishing && this.#isOver)',
      ),
    ],
    finder: testIn('storage/snapshot-store'),
  },
  {
    area: 'snapshots',
    name: 'a stream of an older snapshot takes over from a newer one',
    patches: [
      patch(
        'rpc/peer/snapshot-inbox',
        'if (earlier !== undefined && isOlder(snapshot, earlier.snapshot)) {',
        'if (earlier !== undefined && isOlder(earlier.snapshot, snapshot) && false) {',
      ),
    ],
    finder: testIn('rpc/peer/snapshot'),
  },
  {
    area: 'snapshots',
    name: "a stale membership survives an install: the snapshot's own is not taken",
    patches: [
      patch(
        'raft/snapshot',
        '  raft.membershipsApplying = [snapshot.membership]',
        '  raft.membershipsApplying = []',
      ),
    ],
    finder: schedules,
  },
]

export const MEMBERSHIP: readonly Defect[] = [
  {
    area: 'membership',
    name: 'two changes are in flight',
    patches: [
      patch(
        'raft/membership-control',
        "  if (isChangeInFlight(raft)) return refuse('change-in-flight')\n",
        '',
      ),
    ],
    finder: schedules,
  },
  {
    area: 'membership',
    name: 'a new leader changes the membership before it has committed in its term',
    patches: [
      patch(
        'raft/membership-control',
        "  if (!raft.hasCommittedInTerm) return refuse('not-committed-in-term')\n",
        '',
      ),
      patch('raft/roles', '  raft.pendingMembershipIndex = raft.log.lastIndex\n', ''),
    ],
    finder: testIn('raft/paper', 'membership changes'),
  },
  {
    area: 'membership',
    name: 'the membership is changed outside the log: in force where it is proposed',
    patches: [
      patch(
        'raft/membership-control',
        '  raft.pendingMembershipIndex = index\n',
        '  raft.pendingMembershipIndex = index\n  raft.membership = {...next, index: raft.membership.index}\n  updatePeers(raft, raft.membership)\n',
      ),
    ],
    finder: schedules,
  },
  {
    area: 'membership',
    name: 'a quorum is taken over tracked peers instead of members',
    patches: [
      patch(
        'raft/raft-state',
        'const reached = quorumValue(this.membership, id => this.matchIndexOf(id))',
        'const tracked = [this.nodeId, ...this.progress.keys()].filter(id => id === this.nodeId || this.hearsFrom(id))\n    const reached = quorumValue({voters: tracked, votersOutgoing: []}, id => this.matchIndexOf(id))',
      ),
    ],
    finder: schedules,
  },
  {
    area: 'membership',
    name: 'a candidate counts itself in a half that it does not belong to',
    patches: [
      patch(
        'raft/election',
        '  const result = countVotes(raft.membership, id => raft.votes.get(id))\n  if (result ===',
        `  const {voters, votersOutgoing} = raft.membership
  const withSelf = (half: readonly NodeId[]) =>
    half.length === 0 || half.includes(raft.nodeId) ? half : [raft.nodeId, ...half]
  const halves = {voters: withSelf(voters), votersOutgoing: withSelf(votersOutgoing)}
  const result = countVotes(halves, id => raft.votes.get(id))
  if (result ===`,
      ),
    ],
    finder: testIn('raft/paper', 'membership changes'),
  },
  {
    area: 'membership',
    name: "self is implicit, so that it can't be removed and elects itself for ever",
    patches: [
      patch(
        'raft/membership',
        '  return membership.voters.includes(id) || membership.votersOutgoing.includes(id)',
        '  return !membership.learners.includes(id) && !membership.observers.includes(id) && membership.voters.length > 0',
      ),
    ],
    finder: testIn('raft/paper', 'membership changes'),
  },
  {
    area: 'membership',
    name: 'a leader restarted in a joint stage leads without an election',
    patches: [
      patch(
        'raft/raft-node',
        "import {becomeFollower} from './roles.js'",
        "import {becomeFollower, becomeLeader} from './roles.js'",
      ),
      patch(
        'raft/raft-node',
        '    raft.role = raft.restingRole()\n  }',
        '    raft.role = raft.restingRole()\n    if (raft.membership.votersOutgoing.length > 0 && raft.votedFor === raft.nodeId) becomeLeader(raft)\n  }',
      ),
    ],
    finder: testIn('raft/paper', 'membership changes'),
  },
  {
    area: 'membership',
    name: 'a fresh leader with commit 0 promotes an empty learner',
    patches: [
      patch(
        'raft/membership-control',
        "  if (!raft.hasCommittedInTerm) return refuse('not-committed-in-term')\n",
        '',
      ),
      patch(
        'raft/membership-control',
        '  const recentlyActive = raft.hearsFrom(id)\n',
        '  if (progress.matchIndex >= raft.log.commitIndex) return undefined\n  const recentlyActive = raft.hearsFrom(id)\n',
      ),
    ],
    finder: testIn('raft/paper', 'membership changes'),
  },
  {
    area: 'membership',
    name: 'learners refuse votes and an election deadlocks',
    patches: [
      patch(
        'raft/election',
        'const granted = free && raft.log.isUpToDate(request.last)',
        "const granted = raft.role !== 'learner' && free && raft.log.isUpToDate(request.last)",
      ),
    ],
    finder: testIn('raft/traces', 'promoted-learner-asked-for-vote'),
  },
  {
    area: 'membership',
    name: 'a removed, unapplied membership bars the only electable node',
    patches: [
      patch(
        'raft/raft-node',
        "import {isRemovedId, isVoter, NO_ORIGIN} from './membership.js'",
        "import {decodeMembership, isRemovedId, isVoter, NO_ORIGIN} from './membership.js'\nimport {entryData} from './entry.js'",
      ),
      patch(
        'raft/raft-node',
        'if (asksForVote && isRemovedId(raft.membership, message.from)) {',
        'if (asksForVote && isRemovedId(newestMembership(raft), message.from)) {',
      ),
      patch(
        'raft/raft-node',
        '/** Pre-votes are asked and granted at a term',
        `function newestMembership(raft: RaftState): Membership {
  const {log} = raft
  const tail = log.entries(logIndex(Math.max(log.firstIndex, log.lastApplied + 1)), log.lastIndex, 1e9)
  const last = tail.filter(entry => entry.kind === 'membership').at(-1)
  return (last && decodeMembership(entryData(last), last.index)) ?? raft.membership
}

/** Pre-votes are asked and granted at a term`,
      ),
    ],
    finder: schedules,
  },
  {
    area: 'membership',
    name: 'growth from one to three lets the old leader commit alone: no joint stage',
    patches: [
      patch(
        'raft/membership-change',
        '    votersOutgoing: outgoing,\n',
        '    votersOutgoing: [],\n',
      ),
      patch(
        'raft/membership-change',
        'const learnersNext = target.learners.filter(id => outgoing.includes(id))\n  const learners = target.learners.filter(id => !outgoing.includes(id))',
        'const learnersNext: NodeId[] = []\n  const learners = target.learners',
      ),
      patch(
        'raft/membership-change',
        'const staying = new Set([...target.voters, ...outgoing, ...learners, ...observers])',
        'const staying = new Set([...target.voters, ...learners, ...observers])',
      ),
    ],
    finder: testIn('raft/traces', 'demoted-voter-in-joint-stage'),
  },
  {
    area: 'membership',
    name: 'a demoted voter leaves the outgoing half at once',
    patches: [
      patch(
        'raft/membership-change',
        '    votersOutgoing: outgoing,\n',
        '    votersOutgoing: outgoing.filter(id => !learnersNext.includes(id)),\n',
      ),
      patch(
        'raft/membership-change',
        '    learners,\n    learnersNext,\n',
        '    learners: target.learners,\n    learnersNext: [],\n',
      ),
    ],
    finder: testIn('raft/traces', 'demoted-voter-in-joint-stage'),
  },
  {
    area: 'membership',
    name: 'a node campaigns with a committed membership still to be applied',
    patches: [patch('raft/election', ' &&\n    !hasUnappliedMembership(raft)\n', '\n')],
    finder: testIn('raft/paper', 'membership changes'),
  },
  {
    area: 'membership',
    name: 'the commit record is not written with the entries',
    patches: [
      patch(
        'raft/raft-node',
        'commitIndex: log.commitIndex}\n    return this.#handedOut',
        'commitIndex: before.commitIndex}\n    return this.#handedOut',
      ),
      patch(
        'raft/raft-node',
        '      before.commitIndex >= membership.index\n',
        '      membership.index >= 0\n',
      ),
    ],
    finder: testIn('raft/paper', 'membership changes'),
  },
  {
    area: 'membership',
    name: 'a removed leader refuses its vote for ever to who has not heard of the removal',
    patches: [
      patch(
        'raft/raft-node',
        "    if ('commit' in message) raft.log.learnCommitted(message.commit)\n",
        '',
      ),
    ],
    finder: schedules,
  },
]
