// Two minutes in every run; `npm run soak` is half an hour.
import {join} from 'node:path'
import {expect, test} from 'vitest'
import {soak} from '../../bench/soak.js'

const program = join(import.meta.dirname, '../../bin/run.js')

test('under load for minutes, memory and log stay bounded and latency does not grow', async () => {
  const snapshotLogBytesMin = 8 * 1024 * 1024
  const report = await soak({seconds: 120, callers: 64, snapshotLogBytesMin, program})

  expect(report.wrong).toEqual([])
}, 300_000)
