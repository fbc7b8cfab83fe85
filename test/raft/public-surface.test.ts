// The names that users of the core rely on, each with its contract above it.
import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {expect, test} from 'vitest'
import {RaftNode} from '../../src/raft/raft-node.js'

const surface = [
  ...['restore', 'nodeId', 'groupId', 'role', 'leaderId', 'currentTerm', 'commitIndex'],
  ...['lastApplied', 'tick', 'campaign', 'electionDeadlineOverride', 'propose'],
  ...['proposeMembership', 'addPeer', 'removePeer', 'addLearner', 'removeLearner', 'addObserver'],
  ...['removeObserver', 'promoteLearner', 'demoteVoter', 'changeMembership', 'readIndex'],
  ...['transferLeadership', 'handleAppendEntries', 'handleAppendEntriesResponse'],
  ...['handleRequestVote', 'handleRequestVoteResponse', 'handleInstallSnapshot'],
  ...['handleInstallSnapshotResponse', 'handleTimeoutNow', 'handleReadIndex'],
  ...['handleReadIndexResponse', 'step', 'takeReady', 'advancePersisted', 'advanceApplied'],
  ...['logEntriesRange', 'logSnapshotIndex', 'logSnapshotTerm', 'matchIndexFor', 'peers'],
  ...['voters', 'learners', 'observers', 'isLearnerPeer', 'status'],
]

function source(file: string): string[] {
  return readFileSync(join(import.meta.dirname, '../../src/raft', file), 'utf8').split('\n')
}

test('every name of the surface is there', () => {
  const there = Object.getOwnPropertyNames(RaftNode.prototype)

  expect(surface.filter(name => !there.includes(name))).toEqual([])
})

test('every public member of the node has its contract above it', () => {
  const lines = source('raft-node.ts')
  const bare = lines.filter((line, i) => {
    const member = /^ {2}(?:get )?([a-z]\w*)\(/.exec(line)?.[1]
    if (member === undefined || member.startsWith('handle')) return false
    return !lines[i - 1]!.trimEnd().endsWith('*/')
  })

  expect(bare).toEqual([])
})

test('every setting says what it means', () => {
  const lines = source('config.ts')
  const bare = lines.filter((line, i) => {
    if (!/^ {2}readonly \w+\??: /.test(line)) return false
    // Members at creation are described together.
    if (/(learners|observers)\?/.test(line)) return false
    return !lines[i - 1]!.trimEnd().endsWith('*/')
  })

  expect(bare).toEqual([])
})
