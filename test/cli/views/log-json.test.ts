import * as fc from 'fast-check'
import {expect, test} from 'vitest'
import {toJson} from '../../../src/cli/output.js'
import {logJsonLines} from '../../../src/cli/views/log-json.js'
import {encodeCommand} from '../../../src/kv/command.js'
import {type LoggedEntry, recordOf} from '../../../src/operator/log-dump.js'

const piece = fc.oneof(
  fc.uint8Array({minLength: 1, maxLength: 40}),
  fc.string({minLength: 1, maxLength: 40}).map(text => new TextEncoder().encode(text)),
)
const session = fc.option(
  fc.record({
    sessionId: fc.integer({min: 1}),
    sequence: fc.integer({min: 5}),
    lowestUnanswered: fc.integer({min: 0, max: 5}),
  }),
  {nil: undefined},
)
const put = fc.record({
  op: fc.constant('put' as const),
  key: piece,
  value: fc.oneof(piece, fc.constant(new Uint8Array(3000).fill(1))),
  session,
  expectedVersion: fc.option(fc.nat(), {nil: undefined}),
})
const data = fc.oneof(put.map(encodeCommand), fc.uint8Array({maxLength: 40}))
const entry: fc.Arbitrary<LoggedEntry> = fc.record({
  index: fc.integer({min: 1}),
  term: fc.nat(),
  kind: fc.constantFrom('blank' as const, 'command' as const, 'membership' as const),
  data,
  committed: fc.boolean(),
})

test('lines made byte by byte are those that the record would give', () => {
  fc.assert(
    fc.property(fc.array(entry, {maxLength: 20}), entries => {
      const lines = Buffer.from(logJsonLines(entries)).toString()

      const head = {apiVersion: 'raftctl/v1', kind: 'LogEntry'}
      const expected = entries.map(each => `${toJson({...head, ...recordOf(each)})}\n`)
      expect(lines).toBe(expected.join(''))
    }),
  )
})
