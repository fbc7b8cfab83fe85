import fc from 'fast-check'
import {expect, test} from 'vitest'
import {
  type Command,
  decodeCommand,
  describeCommand,
  encodeCommand,
  KEY_BYTES_MAX,
  VALUE_BYTES_MAX,
} from '../../src/kv/command.js'
import {bytes, inSession, put} from './fixtures.js'

const number = fc.maxSafeNat()
const key = fc.uint8Array({minLength: 1, maxLength: KEY_BYTES_MAX})
const value = fc.uint8Array({maxLength: 2000})
const expectedVersion = fc.option(number, {nil: undefined})
const session = fc.option(
  fc
    .record({sessionId: number, sequence: number, lowestUnanswered: number})
    .map(({sessionId, sequence, lowestUnanswered}) => ({
      sessionId: Math.max(1, sessionId),
      sequence: Math.max(1, sequence),
      lowestUnanswered: Math.min(Math.max(1, sequence), lowestUnanswered),
    })),
  {nil: undefined},
)
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({op: fc.constant('put' as const), key, value, session, expectedVersion}),
  fc.record({op: fc.constant('delete' as const), key, session, expectedVersion}),
  fc.constant({op: 'open-session' as const}),
)

test('a command is decoded to what was encoded', () => {
  fc.assert(
    fc.property(command, original => {
      expect(decodeCommand(encodeCommand(original))).toEqual(original)
    }),
  )
})

test('any bytes decode to a command that encodes to the same bytes, or are malformed', () => {
  fc.assert(
    fc.property(fc.uint8Array({maxLength: 80}), data => {
      const decoded = decodeCommand(data)
      if (decoded.op !== 'malformed') expect(encodeCommand(decoded)).toEqual(data)
    }),
    {numRuns: 2000},
  )
})

test('a command with one byte changed, cut or added is never decoded to something unencodable', () => {
  fc.assert(
    fc.property(command, fc.nat(), fc.integer({min: 1, max: 255}), (original, at, flip) => {
      const data = encodeCommand(original)
      const changed = data.slice()
      changed[at % data.length]! ^= flip
      for (const bad of [
        changed,
        data.subarray(0, at % data.length),
        Uint8Array.of(...data, flip),
      ]) {
        const decoded = decodeCommand(bad)
        if (decoded.op !== 'malformed') expect(encodeCommand(decoded)).toEqual(bad)
      }
    }),
  )
})

test('a cut command is malformed at every length', () => {
  const data = put('key', 'value', {session: inSession(1, 2, 2), expectedVersion: 3})

  for (let length = 0; length < data.length; length++) {
    expect(decodeCommand(data.subarray(0, length)).op, `length ${length}`).toBe('malformed')
  }
})

const refused = [
  {what: 'an empty key', command: {key: bytes('')}, code: 'RAFTCTL_USAGE'},
  {what: 'a long key', command: {key: new Uint8Array(1025)}, code: 'RAFTCTL_TOO_LARGE'},
  {
    what: 'a large value',
    command: {value: new Uint8Array(VALUE_BYTES_MAX + 1)},
    code: 'RAFTCTL_TOO_LARGE',
  },
  {what: 'session 0', command: {session: inSession(0, 1)}, code: 'RAFTCTL_USAGE'},
  {what: 'sequence 0', command: {session: inSession(1, 0)}, code: 'RAFTCTL_USAGE'},
  {what: 'an answer not asked for', command: {session: inSession(1, 1, 2)}, code: 'RAFTCTL_USAGE'},
]

for (const {what, command: part, code} of refused) {
  test(`${what} is not encoded`, () => {
    const whole = {
      op: 'put' as const,
      key: bytes('k'),
      value: bytes('v'),
      session: undefined,
      expectedVersion: undefined,
      ...part,
    }

    expect(() => encodeCommand(whole)).toThrow(expect.objectContaining({code}))
  })
}

test('a command is described as one flat object', () => {
  const described = describeCommand(put('k', 'v', {session: inSession(4, 5), expectedVersion: 6}))

  expect(described).toEqual({
    op: 'put',
    key: bytes('k'),
    value: bytes('v'),
    expectedVersion: 6,
    sessionId: 4,
    sequence: 5,
  })
  expect(describeCommand(bytes('junk')).op).toBe('malformed')
})
