// Golden traces: commands in, every Ready out. A trace is the whole text of its file; read the
// difference, then write one trace anew by its name:
//
//   RAFT_TRACE=figure-8 npx vitest run test/raft/traces.test.ts
//
// It shows what changes, line by line, writes that file only, and fails, so that nobody does it blindly.
import {readdirSync, readFileSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {expect, test} from 'vitest'
import {performTrace} from './trace.js'

const folder = join(import.meta.dirname, 'traces')
const names = readdirSync(folder).map(file => file.replace(/\.txt$/, ''))
const rewritten = process.env.RAFT_TRACE

for (const name of names) {
  test(`the trace "${name}" is as it was`, () => {
    const path = join(folder, `${name}.txt`)
    const before = readFileSync(path, 'utf8')

    const now = performTrace(before)

    if (rewritten === name) writeFileSync(path, now)
    expect(now).toBe(before)
  })
}

test('the situations that people get wrong all have a trace', () => {
  expect(names).toEqual(
    expect.arrayContaining([
      'demoted-voter-in-joint-stage',
      'figure-8',
      'follower-behind-compacted-log',
      'partitioned-leader-check-quorum',
      'promoted-learner-asked-for-vote',
      'removed-leader',
      'stale-snapshot',
      'transfer-to-lagging-target',
    ]),
  )
})
