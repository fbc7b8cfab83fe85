import {expect, test} from 'vitest'
import {encodeEntry} from '../../src/raft/entry.js'
import type {Message} from '../../src/raft/messages.js'
import {groupId, logIndex, nodeId, ORIGIN, term} from '../../src/raft/types.js'
import {Tracer} from '../../src/rpc/tracer.js'

function traced() {
  const lines: Record<string, unknown>[] = []
  const tracer = new Tracer((level, event, fields) => lines.push({level, event, ...fields}))
  return {tracer, lines}
}

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const PARENT = 'b7ad6b7169203331'

test('a call goes on with the trace of its caller', () => {
  const {tracer, lines} = traced()

  tracer.call('/a/B', `00-${TRACE}-${PARENT}-01`).end({status: 0, caller: 'alice'})

  expect(lines).toEqual([
    {
      ...{level: 'trace', event: 'call', path: '/a/B', caller: 'alice', status: 0},
      ...{traceId: TRACE, parentSpanId: PARENT},
      spanId: expect.stringMatching(/^[0-9a-f]{16}$/),
      ms: expect.any(Number),
    },
  ])
})

for (const sent of [
  undefined,
  'nonsense',
  `00-${TRACE}-${PARENT}`,
  `00-${'g'.repeat(32)}-${PARENT}-01`,
]) {
  test(`a call with ${sent} begins a trace of its own`, () => {
    const {tracer, lines} = traced()

    tracer.call('/a/B', sent).end({status: 7, caller: undefined})

    expect(lines[0]!.traceId).toMatch(/^[0-9a-f]{32}$/)
    expect(lines[0]!.traceId).not.toBe(TRACE)
    expect(lines[0]!.parentSpanId).toBeUndefined()
  })
}

test('messages belong to the period of the role in which they are told', () => {
  const {tracer, lines} = traced()
  const heartbeat: Message = {
    ...{kind: 'heartbeat', groupId: groupId(1), from: nodeId(1), to: nodeId(2), term: term(3)},
    ...{commitIndex: logIndex(4), readRound: 5},
  }

  const follower = tracer.roleChanged()
  tracer.message('received', heartbeat)
  const leader = tracer.roleChanged()
  tracer.message('sent', heartbeat)

  expect(follower.traceId).toBe(leader.traceId)
  expect(follower.parentSpanId).toBe(leader.parentSpanId)
  expect(lines.map(({event, spanId}) => ({event, spanId}))).toEqual([
    {event: 'received', spanId: follower.spanId},
    {event: 'sent', spanId: leader.spanId},
  ])
  expect(lines[0]).toMatchObject({message: 'heartbeat', from: 1, to: 2, term: 3, commitIndex: 4})
})

test('no data gets into the log', () => {
  const {tracer, lines} = traced()
  const data = Buffer.from('very secret')
  const entry = encodeEntry(logIndex(1), term(1), 'command', data)

  tracer.message('sent', {
    ...{kind: 'append-entries', groupId: groupId(1), from: nodeId(1), to: nodeId(2), term: term(1)},
    ...{prev: ORIGIN, entries: [entry], commitIndex: logIndex(0)},
  })

  expect(lines[0]).toMatchObject({message: 'append-entries', entries: 1})
  expect(JSON.stringify(lines)).not.toContain('secret')
  expect(JSON.stringify(lines)).not.toContain(data.toString('base64'))
})
