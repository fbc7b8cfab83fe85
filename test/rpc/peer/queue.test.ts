import {expect, test} from 'vitest'
import {encodeEntry} from '../../../src/raft/entry.js'
import {groupId, logIndex, nodeId, ORIGIN, term} from '../../../src/raft/types.js'
import {BATCH_BYTES, QUEUE_BYTES_MAX, QUEUE_CONTROL_MAX} from '../../../src/rpc/limits.js'
import type {StreamMessage} from '../../../src/rpc/peer/message-codec.js'
import {PeerQueue} from '../../../src/rpc/peer/queue.js'

const envelope = {groupId: groupId(1), from: nodeId(1), to: nodeId(2), term: term(1)}
const beat = (readRound: number): StreamMessage => ({
  kind: 'heartbeat',
  ...envelope,
  commitIndex: logIndex(0),
  readRound,
})
const append = (bytes: number): StreamMessage => ({
  kind: 'append-entries',
  ...envelope,
  prev: ORIGIN,
  entries: [encodeEntry(logIndex(1), term(1), 'command', Buffer.alloc(bytes))],
  commitIndex: logIndex(0),
})
const kinds = (messages: StreamMessage[]) => messages.map(message => message.kind)

test('what fits one batch leaves in the order in which it came', () => {
  const queue = new PeerQueue()
  for (const message of [beat(1), append(10), beat(2)]) queue.push(message)

  expect(kinds(queue.takeBatch())).toEqual(['heartbeat', 'append-entries', 'heartbeat'])
  expect([queue.length, queue.bytes]).toEqual([0, 0])
})

test('small messages leave ahead of more appends than one batch holds', () => {
  const queue = new PeerQueue()
  for (let i = 0; i < 4; i++) queue.push(append(BATCH_BYTES / 2))
  queue.push(beat(1))

  expect(kinds(queue.takeBatch())).toEqual(['heartbeat', 'append-entries'])
  expect(kinds(queue.takeBatch())).toEqual(['append-entries'])
})

test('one message larger than a batch leaves alone', () => {
  const queue = new PeerQueue()
  queue.push(append(BATCH_BYTES * 2))
  queue.push(append(1))

  expect([queue.takeBatch().length, queue.takeBatch().length]).toEqual([1, 1])
})

test('a full queue refuses further appends but still takes heartbeats', () => {
  const queue = new PeerQueue()
  while (queue.dropped === 0) queue.push(append(1_000_000))
  const {length} = queue

  queue.push(beat(1))

  expect(queue.length).toBe(length + 1)
  expect(queue.bytes).toBeLessThanOrEqual(QUEUE_BYTES_MAX + 1000)
})

test('small messages are bounded too', () => {
  const queue = new PeerQueue()

  for (let i = 0; i < QUEUE_CONTROL_MAX * 2; i++) queue.push(beat(i))

  expect(queue.length).toBe(QUEUE_CONTROL_MAX)
  expect(queue.dropped).toBe(QUEUE_CONTROL_MAX)
})

test('bytes are counted right through every way out', () => {
  const queue = new PeerQueue()
  for (let i = 0; i < 10; i++) {
    queue.push(append(1000))
    queue.push(beat(i))
  }

  queue.dropAppends()
  queue.dropOldest(4)

  expect(
    queue.takeBatch().map(message => message.kind === 'heartbeat' && message.readRound),
  ).toEqual([6, 7, 8, 9])
  expect(queue.bytes).toBe(0)
})
