import {join} from 'node:path'
import {expect, test, vi} from 'vitest'
import {DiskGauge} from '../../src/storage/disk-gauge.js'
import {temporaryDirectory} from '../support/temporary.js'

test('the space of a directory is known soon after it was asked for', async () => {
  const gauge = new DiskGauge(await temporaryDirectory())

  const space = await vi.waitUntil(() => gauge.latest, {timeout: 5_000})

  expect(space.totalBytes).toBeGreaterThan(0)
  expect(space.freeBytes).toBeGreaterThanOrEqual(0)
  expect(space.freeBytes).toBeLessThanOrEqual(space.totalBytes)
})

test('of a directory that is not there, it stays unknown', async () => {
  const gauge = new DiskGauge(join(await temporaryDirectory(), 'gone'))

  await new Promise(resolve => setImmediate(resolve))
  gauge.refresh()

  expect(gauge.latest).toBeUndefined()
})
