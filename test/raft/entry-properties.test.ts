import fc from 'fast-check'
import {expect, test} from 'vitest'
import {decodeEntry, ENTRY_HEADER_BYTES, encodeEntry, entryData} from '../../src/raft/entry.js'
import {logIndex, term} from '../../src/raft/types.js'

const kind = fc.constantFrom('blank', 'command', 'membership')
const safe = fc.maxSafeNat()

test('an entry is read back as it was made, for every term and index up to 2^53 - 1', () => {
  fc.assert(
    fc.property(safe, safe, kind, fc.uint8Array({maxLength: 300}), (t, i, of, data) => {
      const made = encodeEntry(logIndex(i), term(t), of, data)
      const read = decodeEntry(made.record)

      expect(read).toEqual(made)
      expect(entryData(read!)).toEqual(data)
      expect(made.record).toHaveLength(ENTRY_HEADER_BYTES + data.length)
    }),
    {numRuns: 500},
  )
})

test('the data is copied: its buffer may be used again', () => {
  const data = new Uint8Array([1, 2, 3])
  const made = encodeEntry(logIndex(1), term(1), 'command', data)

  data.fill(9)

  expect(entryData(made)).toEqual(new Uint8Array([1, 2, 3]))
})

test('bytes that no encoder wrote are refused, and never throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({maxLength: 64}), bytes => {
      const read = decodeEntry(bytes)
      if (read === undefined) return
      expect(encodeEntry(read.index, read.term, read.kind, entryData(read)).record).toEqual(bytes)
    }),
    {numRuns: 2000},
  )
})

for (const [what, at, value] of [
  ['an unknown kind', 0, 4],
  ['kind 0', 0, 0],
  ['a set reserved byte', 3, 1],
  ['a term beyond 2^53 - 1', 14, 0x20],
  ['an index beyond 2^53 - 1', 22, 0x20],
] as const) {
  test(`${what} is refused`, () => {
    const {record} = encodeEntry(logIndex(1), term(1), 'command')
    record[at] = value

    expect(decodeEntry(record)).toBeUndefined()
  })
}

test('a record too short for its header is refused', () => {
  const {record} = encodeEntry(logIndex(1), term(1), 'command')

  for (let length = 0; length < ENTRY_HEADER_BYTES; length++) {
    expect(decodeEntry(record.subarray(0, length))).toBeUndefined()
  }
})
