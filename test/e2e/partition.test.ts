// Every fault once in every run; `npm run torture:partition -- --histories 200` on demand.
import {resolve} from 'node:path'
import {expect, test} from 'vitest'
import {FAULT_NAMES} from '../../bench/faults.js'
import {torturePartition} from '../../bench/torture-partition.js'

const program = resolve(import.meta.dirname, '..', '..', 'bin', 'run.js')

test('a cluster whose network breaks in every way stays linearizable, and serves again', async () => {
  const histories = FAULT_NAMES.length
  const report = await torturePartition({histories, seed: 5, network: 'any', program})
  process.stdout.write(`links cut by ${report.network}\n`)

  expect(report.wrong).toEqual([])
  expect(report.operationsLeast).toBeGreaterThanOrEqual(50)
  expect(report.terms).toBeGreaterThanOrEqual(histories / 3)
  expect(Object.keys(report.faults)).toHaveLength(histories)
}, 150_000)

test('so does one whose links are cut by proxies, where namespaces are not to be had', async () => {
  const report = await torturePartition({histories: 2, seed: 6, network: 'proxies', program})

  expect(report.network).toBe('proxies')
  expect(report.wrong).toEqual([])
}, 60_000)
