import {expect, test} from 'vitest'
import {encodeCommand} from '../../src/kv/command.js'
import {recordOf} from '../../src/operator/log-dump.js'

const text = (value: string) => new TextEncoder().encode(value)
const session = {sessionId: 3, sequence: 9, lowestUnanswered: 9}

test('a put shows its key and value as text, and where it came from', () => {
  const data = encodeCommand({
    op: 'put',
    key: text('k'),
    value: text('v'),
    session,
    expectedVersion: 4,
  })

  expect(recordOf({index: 7, term: 2, kind: 'command', data})).toEqual({
    index: 7,
    term: 2,
    type: 'command',
    op: 'put',
    key: 'k',
    keyEncoding: 'utf8',
    value: 'v',
    valueEncoding: 'utf8',
    expectedVersion: 4,
    sessionId: 3,
    sequence: 9,
    membership: null,
    reason: null,
    dataBytes: data.length,
    committed: true,
  })
})

test('bytes that are no text are shown as base64', () => {
  const data = encodeCommand({
    op: 'put',
    key: Uint8Array.of(0xc3, 0x28),
    value: Uint8Array.of(0xff),
    session: undefined,
    expectedVersion: undefined,
  })

  expect(recordOf({index: 1, term: 1, kind: 'command', data})).toMatchObject({
    key: 'wyg=',
    keyEncoding: 'base64',
    value: '/w==',
    valueEncoding: 'base64',
  })
})

test('a command that nobody encoded is malformed, and says why', () => {
  const data = text('garbage')

  expect(recordOf({index: 1, term: 1, kind: 'command', data})).toMatchObject({
    op: 'malformed',
    reason: 'unknown version',
    key: null,
  })
})

test('a blank entry has nothing to show', () => {
  expect(recordOf({index: 2, term: 5, kind: 'blank', data: new Uint8Array(0)})).toMatchObject({
    type: 'blank',
    op: null,
    value: null,
    dataBytes: 0,
  })
})
