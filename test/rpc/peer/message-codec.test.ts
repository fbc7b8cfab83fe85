import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {encodeEntry} from '../../../src/raft/entry.js'
import {groupId, logIndex, nodeId, ORIGIN, term} from '../../../src/raft/types.js'
import {PeerBatch, PeerMessage, PeerMessageKind} from '../../../src/rpc/gen/raftctl/v1/peer.js'
import {
  batchFromWire,
  entriesFromWire,
  entriesToWire,
  messageToWire,
  type StreamMessage,
} from '../../../src/rpc/peer/message-codec.js'

const number = fc.nat({max: Number.MAX_SAFE_INTEGER})
const id = fc.integer({min: 1, max: Number.MAX_SAFE_INTEGER}).map(nodeId)
const index = number.map(logIndex)
const aTerm = number.map(term)
const position = fc.record({index, term: aTerm})

/** Entries after a position, as a leader would send them. */
const prevAndEntries = fc
  .record({
    prev: fc.record({index: fc.nat(1e12).map(logIndex), term: fc.nat(1e6).map(term)}),
    parts: fc.array(
      fc.record({
        data: fc.uint8Array({maxLength: 64}),
        kind: fc.constantFrom('blank', 'command', 'membership'),
        step: fc.nat(2),
      }),
      {maxLength: 8},
    ),
  })
  .map(({prev, parts}) => {
    let at: number = prev.index
    let last: number = prev.term
    const entries = parts.map(({data, kind, step}) => {
      at++
      last += step
      return encodeEntry(logIndex(at), term(last), kind as 'command', data)
    })
    return {prev, entries}
  })

const envelope = {groupId: fc.constant(groupId(1)), from: id, to: id, term: aTerm}
const of = <Kind extends string, Fields extends object>(kind: Kind, fields: Fields) =>
  fc.record({kind: fc.constant(kind), ...envelope, ...fields})

const message = fc.oneof(
  of('request-pre-vote', {last: position, commit: position}),
  of('request-pre-vote-response', {granted: fc.boolean(), commit: position}),
  of('request-vote', {last: position, commit: position, force: fc.boolean()}),
  of('request-vote-response', {granted: fc.boolean(), commit: position}),
  fc
    .tuple(of('append-entries', {commitIndex: index}), prevAndEntries)
    .map(([head, tail]) => ({...head, ...tail})),
  of('append-entries-response', {index, rejected: fc.boolean(), hint: position}),
  of('heartbeat', {commitIndex: index, readRound: number}),
  of('heartbeat-response', {readRound: number}),
  of('install-snapshot-response', {index}),
  of('timeout-now', {}),
  of('read-index', {token: number}),
  of('read-index-response', {token: number, index: fc.option(index, {nil: undefined})}),
  of('member-removed', {membershipIndex: index}),
) as unknown as fc.Arbitrary<StreamMessage>

function overTheWire(messages: StreamMessage[]): StreamMessage[] {
  const batch = PeerBatch.encode({groupId: 1n, messages: messages.map(messageToWire)}).finish()
  return batchFromWire(PeerBatch.decode(batch))
}

test('every message comes out as it went in', () => {
  fc.assert(
    fc.property(fc.array(message, {maxLength: 5}), messages => {
      const read = overTheWire(messages)

      expect(read.map(plain)).toEqual(messages.map(plain))
    }),
  )
})

function plain(value: StreamMessage): unknown {
  if (value.kind !== 'append-entries') return value
  return {...value, entries: value.entries.map(entry => Buffer.from(entry.record).toString('hex'))}
}

test('entries are read as views of what came in, not as copies', () => {
  const blob = entriesToWire([encodeEntry(logIndex(1), term(1), 'command', Buffer.from('x'))])

  const [entry] = entriesFromWire(blob, ORIGIN)

  expect(entry?.record.buffer).toBe(blob.buffer)
})

describe('a blob of entries is refused when', () => {
  const entry = (at: number, of_ = 1) => encodeEntry(logIndex(at), term(of_), 'command')
  const good = entriesToWire([entry(1), entry(2)])
  const cases: [string, Buffer][] = [
    ['it ends within a length', good.subarray(0, good.length - 26)],
    ['it ends within a record', good.subarray(0, good.length - 1)],
    ['the first entry does not follow prev', entriesToWire([entry(2)])],
    ['there is a gap', entriesToWire([entry(1), entry(3)])],
    ['an entry comes twice', entriesToWire([entry(1), entry(1)])],
    ['terms go back', entriesToWire([entry(1, 3), entry(2, 2)])],
    ['a record is none', Buffer.concat([Buffer.from([3, 0, 0, 0]), Buffer.from('abc')])],
    ['a length points beyond the end', Buffer.from([255, 255, 255, 255])],
  ]

  for (const [because, blob] of cases) {
    test(because, () => {
      expect(() => entriesFromWire(blob, ORIGIN)).toThrow(
        expect.objectContaining({code: 'RAFTCTL_USAGE'}),
      )
    })
  }
})

test('random bytes never pass as entries unless they are an encoding', () => {
  fc.assert(
    fc.property(fc.uint8Array({minLength: 1, maxLength: 200}), bytes => {
      let entries: unknown
      try {
        entries = entriesFromWire(Buffer.from(bytes), ORIGIN)
      } catch (error) {
        expect(error).toMatchObject({code: 'RAFTCTL_USAGE'})
        return
      }

      expect(entriesToWire(entries as never).equals(bytes)).toBe(true)
    }),
  )
})

describe('a message is refused when', () => {
  const base = () => PeerMessage.fromPartial({kind: PeerMessageKind.HEARTBEAT, from: 1n, to: 2n})
  const cases: [string, PeerMessage, string][] = [
    ['its kind is unknown', {...base(), kind: 99 as never}, 'RAFTCTL_USAGE'],
    ['its kind is missing', {...base(), kind: 0}, 'RAFTCTL_USAGE'],
    ['its sender is missing', {...base(), from: 0n}, 'RAFTCTL_USAGE'],
    ['its term is beyond 2^53 - 1', {...base(), term: 2n ** 53n}, 'RAFTCTL_TOO_LARGE'],
    ['its commit index is 2^64 - 1', {...base(), commitIndex: 2n ** 64n - 1n}, 'RAFTCTL_TOO_LARGE'],
  ]

  for (const [because, wire, code] of cases) {
    test(because, () => {
      expect(() => batchFromWire({groupId: 1n, messages: [wire]})).toThrow(
        expect.objectContaining({code}),
      )
    })
  }
})
