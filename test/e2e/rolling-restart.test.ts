// Each node once in every run; `npm run torture:restart -- --rounds 10` on demand.
import {resolve} from 'node:path'
import {expect, test} from 'vitest'
import {rollingRestart} from '../../bench/rolling-restart.js'

const program = resolve(import.meta.dirname, '..', '..', 'bin', 'run.js')

test('every node is restarted under load, and no write fails', async () => {
  const report = await rollingRestart({rounds: 1, perSecond: 500, program})

  expect(report.failed).toEqual([])
  expect(report.restarts).toBe(3)
  expect(report.leaders).toBeGreaterThanOrEqual(1)
  expect(report.perSecond).toBeGreaterThan(450)
}, 120_000)
