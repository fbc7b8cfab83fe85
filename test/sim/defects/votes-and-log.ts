import type {Defect} from './defect.js'
import {patch, quickSimulation, rareSchedules, schedules, testIn} from './defect.js'

const STALE = "} else if (message.term < raft.currentTerm && message.kind !== 'request-pre-vote') {"

export const VOTES: readonly Defect[] = [
  {
    area: 'votes',
    name: 'a delayed grant of an older term is counted',
    patches: [
      patch(
        'raft/raft-node',
        STALE,
        STALE.replace(') {', " && message.kind !== 'request-vote-response') {"),
      ),
    ],
    finder: testIn('raft/paper', 'terms (§5.1)'),
  },
  {
    area: 'votes',
    name: 'a delayed acknowledgement of an older term is counted',
    patches: [
      patch(
        'raft/raft-node',
        STALE,
        STALE.replace(') {', " && message.kind !== 'append-entries-response') {"),
      ),
    ],
    finder: schedules,
  },
  {
    area: 'votes',
    name: 'a second vote in one term after step-down at the same term',
    patches: [
      patch(
        'raft/roles',
        `  leaveRole(raft)
  raft.role = raft.restingRole()
  setLeader(raft, leader)`,
        `  raft.votedFor = undefined
  leaveRole(raft)
  raft.role = raft.restingRole()
  setLeader(raft, leader)`,
      ),
    ],
    finder: rareSchedules,
  },
  {
    area: 'votes',
    name: 'granted votes are counted twice for one peer',
    patches: [
      patch(
        'raft/election',
        `  if (raft.votes.has(from)) return
  raft.votes.set(from, granted)`,
        `  const again = granted && raft.votes.get(from) === true
  const other = otherVoters(raft).find(id => !raft.votes.has(id))
  raft.votes.set(again && other !== undefined ? other : from, granted)`,
      ),
    ],
    finder: quickSimulation,
  },
  {
    area: 'votes',
    name: 'a vote is answered before it is durable',
    patches: [
      patch(
        'raft/election',
        "raft.sendAfterSync({kind: 'request-vote-response', to, granted, commit})",
        "raft.sendNow({kind: 'request-vote-response', to, granted, commit})",
      ),
    ],
    finder: rareSchedules,
  },
  {
    area: 'votes',
    name: 'logs are compared as (term ≥ and index ≥)',
    patches: [
      patch(
        'raft/log',
        'return last.term > ownTerm || (last.term === ownTerm && last.index >= this.lastIndex)',
        'return last.term >= ownTerm && last.index >= this.lastIndex',
      ),
    ],
    finder: testIn('raft/paper', 'safety (§5.4)'),
  },
  {
    area: 'votes',
    name: 'a candidate counts its own vote before it is durable',
    patches: [
      patch(
        'raft/election',
        '      force: raft.campaignForced,\n    })\n  }\n}',
        '      force: raft.campaignForced,\n    })\n  }\n  recordVote(raft, raft.nodeId, true)\n}',
      ),
    ],
    finder: testIn('raft/paper', 'elections (§5.2)'),
  },
]

const OWN_LAST = 'return raft.log.lastIndex'

export const LOG: readonly Defect[] = [
  {
    area: 'log',
    name: "success is answered with one's own last index",
    patches: [
      patch(
        'raft/replication',
        '  acknowledge(raft, request.from, checkedTo)',
        '  acknowledge(raft, request.from, log.lastIndex)',
      ),
    ],
    finder: testIn('raft/paper', 'log replication (§5.3)'),
  },
  {
    area: 'log',
    name: 'the commit is taken from a heartbeat without checking the previous entry',
    patches: [
      patch(
        'raft/replication',
        'commitIndex: logIndex(Math.min(matchIndex, raft.log.commitIndex)),',
        'commitIndex: logIndex(Math.max(matchIndex, raft.log.commitIndex)),',
      ),
      patch(
        'raft/replication',
        'raft.log.commitTo(message.commitIndex)',
        'raft.log.commitTo(logIndex(Math.min(message.commitIndex, raft.log.lastIndex)))',
      ),
    ],
    finder: schedules,
  },
  {
    area: 'log',
    name: 'prev = 0 skips the check',
    patches: [
      patch(
        'raft/replication',
        'if (prev.index < log.commitIndex) {',
        'if (prev.index > 0 && prev.index < log.commitIndex) {',
      ),
      patch(
        'raft/replication',
        'if (!log.matches(prev)) {',
        'if (prev.index > 0 && !log.matches(prev)) {',
      ),
    ],
    finder: schedules,
  },
  {
    area: 'log',
    name: 'a delayed append truncates entries that match',
    patches: [
      patch(
        'raft/log',
        'while (fresh < entries.length && this.matches(entries[fresh]!)) fresh++',
        'while (fresh < entries.length && entries[fresh]!.index <= this.commitIndex) fresh++',
      ),
    ],
    finder: schedules,
  },
  {
    area: 'log',
    name: 'entries after the commit index are taken as they come, conflicts kept',
    patches: [
      patch(
        'raft/log',
        'while (fresh < entries.length && this.matches(entries[fresh]!)) fresh++',
        'while (fresh < entries.length && entries[fresh]!.index <= this.lastIndex) fresh++',
      ),
    ],
    finder: schedules,
  },
  {
    area: 'log',
    name: 'memory counts before the disk write: a leader counts itself at once',
    patches: [
      patch(
        'raft/raft-state',
        'if (id === this.nodeId) return this.log.persistedIndex',
        `if (id === this.nodeId) ${OWN_LAST.replace('raft', 'this')}`,
      ),
    ],
    finder: schedules,
  },
  {
    area: 'log',
    name: 'an append is acknowledged before it is durable',
    patches: [
      patch(
        'raft/replication',
        `  raft.sendAfterSync({
    kind: 'append-entries-response',
    to,
    index,`,
        `  raft.sendNow({
    kind: 'append-entries-response',
    to,
    index,`,
      ),
    ],
    finder: schedules,
  },
  {
    area: 'log',
    name: 'memory is changed before the disk write that then fails',
    patches: [
      patch(
        'node/log-writer',
        'await this.#log.append(merge(group))',
        'await this.#log.append(merge(group)).catch(() => undefined)',
      ),
    ],
    finder: testIn('sim/defects/log-writer'),
  },
  {
    area: 'log',
    name: 'a truncation is ignored: what was cut while on its way to disk still counts',
    patches: [
      patch(
        'raft/log',
        '      write.lastIndex = logIndex(Math.min(write.lastIndex, before))',
        '      void write',
      ),
    ],
    finder: schedules,
  },
  {
    area: 'log',
    name: 'a truncation is ignored: a reader of the log on disk shows what a later write replaced',
    patches: [
      patch(
        'storage/wal/recovery',
        '      if (first <= table.lastIndex) this.cutBacks.push({sequence, offset, first})\n',
        '',
      ),
    ],
    finder: testIn('storage/wal-reader'),
  },
  {
    area: 'log',
    name: 'a committed range is delivered twice when two commits precede one advanceApplied',
    patches: [
      patch(
        'raft/raft-node',
        'const page = log.entries(logIndex(log.applyingIndex + 1), end, limits.applyBytesMax)',
        'const page = log.entries(logIndex(log.lastApplied + 1), end, limits.applyBytesMax)',
      ),
    ],
    finder: schedules,
  },
  {
    area: 'log',
    name: 'nothing is applied after a restart because "compacted" is swallowed',
    patches: [
      patch(
        'raft/raft-node',
        'raft.log.applyingIndex = appliedIndex',
        'raft.log.applyingIndex = logIndex(0)',
      ),
      patch(
        'raft/raft-node',
        'if (log.installing || log.applyingIndex >= end) return []',
        'if (log.installing || log.applyingIndex >= end || log.applyingIndex < log.firstIndex - 1) return []',
      ),
    ],
    finder: schedules,
  },
  {
    area: 'log',
    name: 'a stale tail returns after a restart',
    patches: [
      patch(
        'storage/memory-log',
        `    this.#entries.length = first.index - this.#prev.index - 1
    for (const entry of batch.entries) {
      this.#entries.push(entry)`,
        `    for (const entry of batch.entries) {
      this.#entries[entry.index - this.#prev.index - 1] = entry`,
      ),
    ],
    finder: schedules,
  },
  {
    area: 'log',
    name: 'a stale tail returns after a restart, in the log on disk',
    patches: [
      patch(
        'storage/wal/log-table',
        '    this.lastIndex = entries.at(-1)!.index',
        '    this.lastIndex = Math.max(this.lastIndex, entries.at(-1)!.index) as LogIndex',
      ),
    ],
    finder: testIn('storage/wal'),
  },
  {
    area: 'log',
    name: 'entries of an older term are committed by counting',
    patches: [
      patch(
        'raft/raft-state',
        'if (index <= this.log.commitIndex || this.log.term(index) !== this.currentTerm) return false',
        'if (index <= this.log.commitIndex) return false',
      ),
    ],
    finder: testIn('raft/traces', 'figure-8'),
  },
]
