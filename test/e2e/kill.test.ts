// Twenty kills in every run; `npm run torture:kill -- --kills 1000` on demand.
import {resolve} from 'node:path'
import {expect, test} from 'vitest'
import {torture} from '../../bench/torture-kill.js'

const program = resolve(import.meta.dirname, '..', '..', 'bin', 'run.js')

test('nodes killed at random under load lose no acknowledged write and apply none twice', async () => {
  const report = await torture({kills: 20, writers: 4, seed: 20, program})

  expect(report.wrong).toEqual([])
  expect(report.kills).toBeGreaterThanOrEqual(20)
  expect(report.acknowledged).toBeGreaterThan(100)
}, 120_000)
