import {expect, test, vi} from 'vitest'
import {DEFAULT_SETTINGS} from '../../src/node/settings.js'
import type {Message} from '../../src/raft/messages.js'
import {logIndex, nodeId, ORIGIN, term} from '../../src/raft/types.js'
import {MemoryStateMachine} from '../../src/sim/memory-state-machine.js'
import {
  blankAt,
  entryAt,
  follow,
  GROUP,
  kept,
  lead,
  makeNode,
  membershipEntry,
  membershipOf,
  outcomeOf,
  settle,
} from './fakes.js'

const data = new TextEncoder().encode('a command')
const refused = (code: string) => ({error: expect.objectContaining({code})})
const from2 = {groupId: GROUP, from: nodeId(2), to: nodeId(1)}
const ORIGIN_OF_CHANGE = {timeMs: 0, actor: 'test', reason: ''}

/** Node 1 of three, leading: node 2 has granted what it was asked for. */
async function leadThree() {
  const node = makeNode([1, 2, 3])
  const runtime = await node.start()
  for (let i = 0; i < 60 && runtime.status().role !== 'leader'; i++) {
    await node.clock.advance(10)
    for (const {kind, to, term: asked} of node.transport.sent.splice(0)) {
      const answer = {...from2, term: asked, granted: true, commit: ORIGIN}
      if (to !== 2) continue
      if (kind === 'request-pre-vote') {
        runtime.step([{...answer, kind: 'request-pre-vote-response'}])
      }
      if (kind === 'request-vote') runtime.step([{...answer, kind: 'request-vote-response'}])
    }
    await settle()
  }
  if (runtime.status().role !== 'leader') throw new Error('node 1 leads')
  return {node, runtime}
}

function acknowledgement(atTerm: number, index: number): Message {
  return {
    ...from2,
    kind: 'append-entries-response',
    term: term(atTerm),
    index: logIndex(index),
    rejected: false,
    hint: {index: logIndex(0), term: term(0)},
  }
}

function memberRemoved(from: number, membershipIndex: number): Message {
  return {
    ...from2,
    kind: 'member-removed',
    from: nodeId(from),
    term: term(1),
    membershipIndex: logIndex(membershipIndex),
  }
}

test('a proposal is answered once it is applied, with the result of its own entry', async () => {
  const {node, runtime} = await lead()
  node.stateMachine.held = true

  const answer = kept(runtime.propose(data))
  expect(await outcomeOf(answer)).toBe('pending')
  node.stateMachine.release()

  expect(await outcomeOf(answer)).toMatchObject({value: {index: 3, result: {kind: 'malformed'}}})
})

test('nothing is applied that is not durable here', async () => {
  const {node, runtime} = await lead()
  node.log.held = true

  const answer = kept(runtime.propose(data))
  await settle()
  expect(node.stateMachine.applied).not.toContain(3)
  expect(await outcomeOf(answer)).toBe('pending')
  node.log.release()

  expect(await outcomeOf(answer)).toMatchObject({value: {index: 3}})
})

test('an acknowledgement leaves after its sync, not before', async () => {
  const {node, send} = await follow()
  node.log.held = true
  node.transport.sent.length = 0

  send({index: 1, term: 1}, [entryAt(2, 2)])
  await settle()
  expect(node.transport.ofKind('append-entries-response')).toEqual([])
  node.log.release()
  await settle()

  expect(node.transport.ofKind('append-entries-response')).toMatchObject([{index: 2}])
})

test('a failed sync stops the node: nothing more leaves, is written, or is taken', async () => {
  const {node, runtime, send} = await follow()
  const barrier = kept(runtime.readBarrier())
  await settle()
  node.log.held = true
  send({index: 1, term: 1}, [entryAt(2, 2)])
  await settle()
  node.transport.sent.length = 0
  const batches = node.log.batches.length

  node.log.fail(new Error('EIO'))
  await settle()
  send({index: 1, term: 1}, [entryAt(2, 2), entryAt(3, 2)])
  await node.clock.advance(1000)

  expect(node.failures).toEqual([new Error('EIO')])
  expect(node.transport.sent).toEqual([])
  expect(node.log.batches).toHaveLength(batches)
  expect(node.clock.timers).toBe(0)
  expect(await outcomeOf(barrier)).toEqual(refused('RAFTCTL_NO_LEADER'))
  expect(await outcomeOf(runtime.propose(data))).toEqual(refused('RAFTCTL_NODE_STOPPED'))
  expect(await outcomeOf(runtime.readBarrier())).toEqual(refused('RAFTCTL_NODE_STOPPED'))
  expect(await outcomeOf(runtime.createSnapshot())).toEqual(refused('RAFTCTL_NODE_STOPPED'))
})

test('a node that failed can be stopped, and closes log and state', async () => {
  const {node, send, runtime} = await follow()
  node.log.held = true
  send({index: 1, term: 1}, [entryAt(2, 2)])
  await settle()
  node.log.fail(new Error('EIO'))
  await settle()

  expect(await outcomeOf(runtime.stop())).toEqual({value: undefined})
  expect(node.log.closed).toBe(1)
  expect(node.stateMachine.closed).toBe(1)
})

test('a write that fails while a stop waits for it is told, and the stop ends', async () => {
  const {node, runtime, send} = await follow()
  node.log.held = true
  send({index: 1, term: 1}, [entryAt(2, 2)])
  await settle()
  const stopped = kept(runtime.stop())
  expect(await outcomeOf(stopped)).toBe('pending')

  node.log.fail(new Error('EIO'))

  expect(await outcomeOf(stopped)).toEqual({value: undefined})
  expect(node.failures).toEqual([new Error('EIO')])
  expect(node.log.closed).toBe(1)
})

test('a stop ends when the reset before a restore fails', async () => {
  const {node, runtime} = await follow()
  const source = new MemoryStateMachine()
  await source.apply([membershipEntry(membershipOf([1, 2, 3])), entryAt(2, 2), entryAt(3, 2)])
  const {index, term: at, membership} = await node.snapshots.create(source.snapshot())
  node.log.held = true
  const snapshot = {index, term: at, membership}
  runtime.step([{...from2, kind: 'install-snapshot', term: term(2), snapshot}])
  await settle()
  const stopped = kept(runtime.stop())
  await settle()

  node.log.fail(new Error('EIO'))

  expect(await outcomeOf(stopped)).toEqual({value: undefined})
  expect(node.failures).toEqual([new Error('EIO')])
  expect(node.stateMachine.appliedIndex).toBe(1)
})

test('a stop ends under a load that never pauses', async () => {
  const {node, runtime, send} = await follow()
  node.log.held = true
  let last = 1
  const next = () => {
    send({index: last, term: last === 1 ? 1 : 2}, [entryAt(last + 1, 2)])
    last++
  }
  next()
  await settle()
  const stopped = kept(runtime.stop())

  for (let i = 0; i < 10; i++) {
    next()
    await settle()
    node.log.release()
    await settle()
  }

  expect(await outcomeOf(stopped)).toEqual({value: undefined})
})

test('a second stop ends when the first does', async () => {
  const {node, runtime, send} = await follow()
  node.log.held = true
  send({index: 1, term: 1}, [entryAt(2, 2)])
  await settle()
  const first = kept(runtime.stop())
  const second = kept(runtime.stop())

  expect(await outcomeOf(second)).toBe('pending')
  node.log.release()

  expect(await outcomeOf(first)).toEqual({value: undefined})
  expect(await outcomeOf(second)).toEqual({value: undefined})
  expect(node.log.closed).toBe(1)
})

test('a stop closes the log and the state also when the state can not be flushed', async () => {
  const {node, runtime} = await follow()
  node.stateMachine.flushFailure = new Error('no space')

  expect(await outcomeOf(runtime.stop())).toEqual({error: new Error('no space')})
  expect(node.log.closed).toBe(1)
  expect(node.stateMachine.closed).toBe(1)
})

test('what is being applied while a stop waits for it is still answered', async () => {
  const {node, runtime} = await lead()
  node.stateMachine.held = true
  const answer = kept(runtime.propose(data))
  await settle()
  const stopped = kept(runtime.stop())
  expect(await outcomeOf(stopped)).toBe('pending')

  node.stateMachine.release()

  expect(await outcomeOf(answer)).toMatchObject({value: {index: 3}})
  expect(await outcomeOf(stopped)).toEqual({value: undefined})
})

test('nothing is proposed during a stop, and what is pending then is unknown', async () => {
  const {node, runtime} = await leadThree()
  const pending = kept(runtime.propose(data))
  await settle()

  const stopped = kept(runtime.stop())
  const late = kept(runtime.propose(data))
  await node.clock.advance(2000)

  expect(await outcomeOf(stopped)).toEqual({value: undefined})
  expect(await outcomeOf(late)).toEqual(refused('RAFTCTL_NODE_STOPPED'))
  expect(await outcomeOf(pending)).toEqual(refused('RAFTCTL_OUTCOME_UNKNOWN'))
})

test('a broken invariant in a message stops the node, and is thrown at nobody', async () => {
  const {node, runtime} = await leadThree()
  const {currentTerm} = runtime.status()

  // Nobody else may lead in our term.
  const heartbeat = {kind: 'heartbeat', commitIndex: logIndex(0), readRound: 0} as const
  runtime.step([{...from2, ...heartbeat, term: currentTerm}])
  await settle()

  expect(node.failures).toHaveLength(1)
  expect(node.clock.timers).toBe(0)
})

test('a log that can not be read stops the node, from a tick as from a drain', async () => {
  const {node, runtime, send} = await follow()
  const damage = new Error('damaged')
  vi.spyOn(node.log, 'entries').mockImplementation(() => {
    throw damage
  })

  send({index: 1, term: 1}, [entryAt(2, 2)], 2)
  await settle()

  expect(node.failures).toEqual([damage])
  expect(() => runtime.logEntriesRange(logIndex(1), logIndex(2), 1000)).toThrow('stop')
})

test('a log that shows damage to a reader stops the node with what was found', async () => {
  const {node, runtime} = await lead()
  const damage = new Error('damaged')
  vi.spyOn(node.log, 'entries').mockImplementation(() => {
    throw damage
  })

  expect(() => runtime.logEntriesRange(logIndex(1), logIndex(2), 1000)).toThrow(damage)

  expect(node.failures).toEqual([damage])
})

test('a state that can not be written stops the node', async () => {
  const {node, runtime} = await lead()
  node.stateMachine.held = true
  const answer = kept(runtime.propose(data))
  await settle()

  node.stateMachine.fail(new Error('no space'))

  expect(await outcomeOf(answer)).toEqual(refused('RAFTCTL_OUTCOME_UNKNOWN'))
  expect(node.failures).toEqual([new Error('no space')])
  expect(await outcomeOf(runtime.stop())).toEqual({value: undefined})
})

test('proposals of a leader that lost its place are answered once the new one commits', async () => {
  const {node, runtime} = await leadThree()
  const {currentTerm: old, lastIndex} = runtime.status()
  const answers = [1, 2, 3].map(() => kept(runtime.propose(data)))
  await settle()

  const prev = {index: logIndex(lastIndex), term: old}
  runtime.step([
    {
      ...from2,
      kind: 'append-entries',
      term: term(old + 1),
      prev,
      entries: [blankAt(lastIndex + 1, old + 1)],
      commitIndex: logIndex(lastIndex + 1),
    },
  ])
  await settle()

  for (const answer of answers) {
    expect(await outcomeOf(answer)).toEqual(refused('RAFTCTL_NO_LEADER'))
  }
  expect(node.failures).toEqual([])
})

test('a read barrier that no quorum confirms is refused in time', async () => {
  const {node, runtime} = await leadThree()
  runtime.step([acknowledgement(runtime.status().currentTerm, runtime.status().lastIndex)])
  await settle()

  const barrier = kept(runtime.readBarrier())
  const sameTurn = runtime.readBarrier()
  expect(sameTurn).toBe(barrier)
  await node.clock.advance(1500)

  expect(await outcomeOf(barrier)).toEqual(refused('RAFTCTL_NO_LEADER'))
})

test('a transfer that leads nowhere is given up, and frees its timer', async () => {
  const {node, runtime} = await leadThree()
  const timers = node.clock.timers

  const transfer = kept(runtime.transferLeadership(nodeId(3)))
  await node.clock.advance(1500)

  expect(await outcomeOf(transfer)).toEqual(refused('RAFTCTL_TIMED_OUT'))
  expect(node.clock.timers).toBe(timers)
})

test('a membership change is compared, and answered once applied here', async () => {
  const {node, runtime} = await lead()
  const change = {
    kind: 'add',
    role: 'learner',
    name: 'b',
    address: '127.0.0.1:7402',
    storeId: 'store-2',
    promoteWhenReady: false,
  } as const
  const request = {change, expectedIndex: undefined, origin: ORIGIN_OF_CHANGE}

  const stale = runtime.changeMembership({...request, expectedIndex: logIndex(9)})
  expect(await outcomeOf(stale)).toEqual(refused('RAFTCTL_COMPARE_FAILED'))
  node.stateMachine.held = true
  const changed = kept(runtime.changeMembership(request))
  const second = runtime.changeMembership(request)
  expect(await outcomeOf(second)).toEqual(refused('RAFTCTL_CHANGE_IN_FLIGHT'))
  expect(await outcomeOf(changed)).toBe('pending')
  node.stateMachine.release()

  expect(await outcomeOf(changed)).toMatchObject({value: {memberId: 2, changed: true}})
  expect(node.transport.memberships.at(-1)!.learners).toEqual([2])
})

test('a node that is told of its removal twice says so once, and asks for no votes', async () => {
  const node = makeNode([1, 2, 3])
  const runtime = await node.start()
  runtime.step([memberRemoved(2, 9)])
  await node.clock.advance(500)
  expect(node.removals).toBe(0)
  runtime.step([memberRemoved(2, 9)])
  await settle()
  runtime.step([memberRemoved(3, 9)])
  await node.clock.advance(2000)

  expect(node.removals).toBe(1)
  expect(node.failures).toEqual([])
  expect(await outcomeOf(runtime.stop())).toEqual({value: undefined})
  expect(node.transport.ofKind('request-vote')).toEqual([])
})

test('a removed node that starts again asks the others, disturbs nobody, and ends again', async () => {
  const node = makeNode([1, 2, 3])
  const removal = membershipEntry(membershipOf([2, 3], 2))
  node.log.inner.appendNow({
    reset: undefined,
    hardState: {term: term(1), votedFor: undefined, commitIndex: logIndex(2)},
    entries: [removal],
  })
  await node.stateMachine.inner.apply(node.log.entries(logIndex(1), logIndex(2), 1 << 20))
  const runtime = await node.start()

  await node.clock.advance(1000)
  expect(node.removals).toBe(0)
  expect(node.transport.ofKind('request-pre-vote').length).toBeGreaterThan(0)
  runtime.step([memberRemoved(2, 2)])
  await settle()
  expect(node.removals).toBe(0)
  runtime.step([memberRemoved(3, 2)])
  await settle()

  expect(node.removals).toBe(1)
  expect(node.transport.ofKind('request-vote')).toEqual([])
  expect(runtime.status()).toMatchObject({currentTerm: 1, role: 'follower'})
})

test('listeners hear of changes until they stop listening', async () => {
  const node = makeNode([1])
  const runtime = await node.start()
  let heard = 0
  const stopListening = runtime.onChange(() => {
    heard++
  })
  await node.clock.advance(400)
  expect(heard).toBeGreaterThan(0)
  const before = heard

  stopListening()
  runtime.step([memberRemoved(2, 9)])
  await settle()

  expect(heard).toBe(before)
})

test('a leader whose disk is low takes no writes, says so, and hands leadership over', async () => {
  const {node, runtime} = await leadThree()
  runtime.step([acknowledgement(runtime.status().currentTerm, runtime.status().lastIndex)])
  await settle()
  node.disk.freeBytes = 1000
  node.transport.sent.splice(0)

  const refusal = await outcomeOf(kept(runtime.propose(data)))
  await node.clock.advance(20)

  expect(refusal).toMatchObject(refused('RAFTCTL_DISK_LOW'))
  expect(node.notes).toContainEqual({event: 'disk-low', fields: {freeBytes: 1000}})
  expect(node.transport.sent).toContainEqual(
    expect.objectContaining({kind: 'timeout-now', to: nodeId(2)}),
  )
})

test('a lone voter whose disk is low takes writes again once there is room', async () => {
  const {node, runtime} = await lead()
  node.disk.freeBytes = DEFAULT_SETTINGS.lowDiskBytes - 1
  await expect(runtime.propose(data)).rejects.toMatchObject({code: 'RAFTCTL_DISK_LOW'})
  expect(runtime.status().role).toBe('leader')

  node.disk.freeBytes = DEFAULT_SETTINGS.lowDiskBytes
  const written = runtime.propose(data)
  await settle()

  expect(await written).toMatchObject({term: runtime.status().currentTerm})
})

test('a clean stop records how far the log is committed', async () => {
  const {node, runtime} = await lead()
  await runtime.propose(data)
  const {commitIndex} = runtime.status()

  await runtime.stop()

  expect(node.log.inner.hardState.commitIndex).toBe(commitIndex)
})
