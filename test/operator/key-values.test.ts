import fc from 'fast-check'
import {expect, test} from 'vitest'
import {prefixBounds} from '../../src/operator/key-values.js'
import {type WantedPut, wantedPut} from '../../src/operator/put-pair.js'

test('exactly the keys with the prefix lie within its bounds', () => {
  // Few distinct bytes, 0xff among them, so that prefixes and carries really occur.
  const byte = fc.constantFrom(0, 1, 0xfe, 0xff)
  const text = fc.array(byte, {maxLength: 4}).map(list => Buffer.from(list))

  fc.assert(
    fc.property(text, text, (prefix, key) => {
      const {start, end} = prefixBounds(prefix)
      const inside =
        Buffer.compare(key, start) >= 0 && (end === undefined || Buffer.compare(key, end) < 0)

      expect(inside).toBe(key.subarray(0, prefix.length).equals(prefix))
    }),
    {numRuns: 2000},
  )
})

type PutArguments = Parameters<typeof wantedPut>

const cases: {args: PutArguments; wanted: WantedPut}[] = [
  {args: ['k', 'v', false], wanted: {kind: 'pair', key: 'k', value: Buffer.from('v')}},
  {args: ['k', '-', false], wanted: {kind: 'pair', key: 'k', value: undefined}},
  {args: ['k', '', false], wanted: {kind: 'pair', key: 'k', value: Buffer.from('')}},
  {args: [undefined, undefined, true], wanted: {kind: 'lines'}},
]

const wrong: PutArguments[] = [
  ['k', undefined, false],
  [undefined, undefined, false],
  ['', 'v', false],
  ['k', 'v', true],
]

for (const {args, wanted} of cases) {
  test(`put with ${JSON.stringify(args)} means ${wanted.kind}`, () => {
    expect(wantedPut(...args)).toEqual(wanted)
  })
}

for (const args of wrong) {
  test(`put with ${JSON.stringify(args)} is wrong usage`, () => {
    expect(() => wantedPut(...args)).toThrow(expect.objectContaining({code: 'RAFTCTL_USAGE'}))
  })
}
