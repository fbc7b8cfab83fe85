import type {Defect} from './defect.js'
import {patch, quickSimulation, rareSchedules, schedules, testIn} from './defect.js'

export const FLOW: readonly Defect[] = [
  {
    area: 'flow',
    name: 'no in-flight bound: a thousand proposals before one answer send half a million entries',
    patches: [
      patch(
        'raft/progress',
        '    this.nextIndex = logIndex(lastIndex + 1)\n    this.#flights',
        '    this.#flights',
      ),
      patch(
        'raft/replication',
        '    while (progress.nextIndex <= lastFor(raft, progress) && hasWindow(raft, progress)) {',
        '    while (progress.nextIndex <= lastFor(raft, progress) && !done) {',
      ),
    ],
    finder: testIn('raft/flow'),
  },
  {
    area: 'flow',
    name: 'more than a page of conflicting entries livelocks',
    patches: [
      patch(
        'raft/progress',
        'this.nextIndex = logIndex(Math.max(this.matchIndex + 1, Math.min(rejected, hint + 1)))',
        'this.nextIndex = logIndex(Math.max(this.matchIndex + 1, rejected - 1, hint + 1))',
      ),
    ],
    finder: testIn('raft/flow'),
  },
  {
    area: 'flow',
    name: 'the tick loop proposes again at every tick',
    patches: [
      patch(
        'raft/membership-control',
        'if (!raft.hasCommittedInTerm || isChangeInFlight(raft)) return\n',
        'if (!raft.hasCommittedInTerm) return\n',
      ),
    ],
    finder: schedules,
  },
  {
    area: 'flow',
    name: 'a stale rejection moves next below match + 1',
    patches: [
      patch('raft/progress', '      if (rejected <= this.matchIndex) return false\n', ''),
      patch(
        'raft/progress',
        '      this.becomeProbe(logIndex(Math.max(this.matchIndex + 1, Math.min(rejected, hint + 1))))',
        '      this.becomeProbe(logIndex(Math.max(1, Math.min(rejected, hint + 1))))',
      ),
    ],
    finder: testIn('raft/paper', 'log replication'),
  },
  {
    area: 'flow',
    name: 'a peer whose window is full is told of every commit',
    patches: [
      patch(
        'raft/replication',
        'const news = isNews && hasWindow(raft, progress)',
        'const news = isNews',
      ),
    ],
    finder: testIn('raft/review'),
  },
  {
    area: 'flow',
    name: 'a leader whose disk is low takes writes',
    patches: [
      patch(
        'node/runtime',
        "if (this.#isDiskLow && this.#raft.role === 'leader') {",
        "if (this.#isDiskLow && this.#raft.role !== 'leader') {",
      ),
    ],
    finder: quickSimulation,
  },
]

const ROUND = 'const confirmed = quorumValue(raft.membership, id => confirmedRoundOf(raft, id))'

export const READS: readonly Defect[] = [
  {
    area: 'reads',
    name: 'a read is confirmed by a majority minus one',
    patches: [
      patch(
        'raft/read-index',
        ROUND,
        `const rounds = raft.membership.voters.map(id => confirmedRoundOf(raft, id)).sort((a, b) => b - a)
  const confirmed = rounds[Math.max(0, Math.floor(rounds.length / 2) - 1)]!
  void quorumValue`,
      ),
    ],
    finder: testIn('raft/paper', 'clients (§8)'),
  },
  {
    area: 'reads',
    name: 'read tokens repeat',
    patches: [patch('raft/raft-state', 'config.random() * 0x10_0000', '0 * config.random()')],
    finder: testIn('raft/paper', 'clients (§8)'),
  },
  {
    area: 'reads',
    name: 'an answer to an earlier round confirms a later read',
    patches: [
      patch(
        'raft/read-index',
        'if (!started) raft.readRound++',
        'if (!started) raft.readRound = 1',
      ),
    ],
    finder: testIn('raft/paper', 'late answers to the round of an earlier read'),
  },
  {
    area: 'reads',
    name: 'a leader answers from its role alone',
    patches: [
      patch(
        'raft/read-index',
        ROUND,
        'void quorumValue\n  void confirmedRoundOf\n  const confirmed = raft.readRound',
      ),
    ],
    finder: rareSchedules,
  },
  {
    area: 'reads',
    name: 'a leader answers before it has committed in its own term',
    patches: [
      patch(
        'raft/read-index',
        'if (raft.reads.length === 0 || !raft.hasCommittedInTerm) return false',
        'if (raft.reads.length === 0) return false',
      ),
    ],
    finder: schedules,
  },
]

export const PURITY: readonly Defect[] = [
  {
    area: 'purity',
    name: 'a wall clock inside the core',
    patches: [
      patch(
        'raft/raft-state',
        'this.electionElapsedTicks = 0\n',
        'this.electionElapsedTicks = Date.now() * 0\n',
      ),
    ],
    finder: testIn('architecture', 'the core'),
  },
  {
    area: 'purity',
    name: 'a global random source inside the core',
    patches: [
      patch(
        'raft/raft-state',
        '(random() % electionTicks)',
        'Math.floor(Math.random() * electionTicks + random() * 0)',
      ),
    ],
    finder: testIn('architecture', 'the core'),
  },
  {
    area: 'purity',
    name: 'a timer inside the core',
    patches: [
      patch('raft/raft-node', '    raft.tick++\n', '    setTimeout(() => raft.tick++, 0)\n'),
    ],
    finder: testIn('architecture', 'the core'),
  },
]
