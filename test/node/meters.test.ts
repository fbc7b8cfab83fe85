// What a running node measures of itself, on a clock that stands until it is moved.
import {expect, test} from 'vitest'
import {follow, lead, settle} from './fakes.js'

test('a write is measured on its whole way: wait, sync, commit, apply', async () => {
  const {node, runtime} = await lead()
  const before = runtime.latencies.sync.count
  node.log.held = true
  const first = runtime.propose(new Uint8Array([1]))
  await settle()
  const second = runtime.propose(new Uint8Array([2]))
  await settle()
  await node.clock.advance(30)
  node.log.held = false
  node.log.release()
  await settle()
  await Promise.all([first, second])

  const {latencies} = runtime
  const nowMs = node.clock.nowMs()

  expect(latencies.sync.count).toBe(before + 2)
  expect(latencies.sync.recent(nowMs).maxMs).toBe(30)
  // The second waited for the sync of the first.
  expect(latencies.queue.recent(nowMs).maxMs).toBe(30)
  expect(latencies.commit).toMatchObject({count: 2, sumMs: 60})
  expect(latencies.apply.count).toBeGreaterThan(0)
  expect(runtime.counters()).toMatchObject({proposals: 2, proposalsPending: 0})
})

test('an election lasts from the campaign until a leader is known', async () => {
  const {runtime} = await lead()

  expect(runtime.latencies.election.count).toBe(1)
})

test('a follower measures no commit: it proposes nothing', async () => {
  const {runtime} = await follow()

  expect(runtime.latencies.commit.count).toBe(0)
})

test('the event loop of a clock that is never late has no delay', async () => {
  const {node, runtime} = await lead()
  await node.clock.advance(100)

  expect(runtime.latencies.eventLoop.count).toBeGreaterThan(9)
  expect(runtime.latencies.eventLoop.recent(node.clock.nowMs()).maxMs).toBe(0)
})
