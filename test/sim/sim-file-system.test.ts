import {expect, test} from 'vitest'
import {SimFileSystem} from '../../src/sim/sim-file-system.js'
import {seededRandom} from '../storage/log-helpers.js'

const bytes = (...values: number[]) => Uint8Array.from(values)

test('a crash loses what was not synced: content, names, renames and removals', async () => {
  const fs = new SimFileSystem()
  fs.makeDirectory('/d')
  await fs.syncDirectory('/')
  const kept = fs.open('/d/kept', 'create')
  kept.write(bytes(1, 2), 0)
  await kept.syncData()
  await fs.syncDirectory('/d')
  kept.write(bytes(9), 0)
  const nameless = fs.open('/d/nameless', 'create')
  nameless.write(bytes(3), 0)
  await nameless.syncData()
  fs.rename('/d/kept', '/d/renamed')

  fs.crash()

  expect(fs.list('/d')).toEqual(['kept'])
  expect(fs.content('/d/kept')).toEqual(bytes(1, 2))
  expect(() => kept.bytes()).toThrow('EBADF')
})

test('a kill loses nothing that was written, but closes every file', async () => {
  const fs = new SimFileSystem()
  const file = fs.open('/f', 'create')
  file.write(bytes(1, 2), 3)

  fs.kill()

  expect(fs.content('/f')).toEqual(bytes(0, 0, 0, 1, 2))
  expect(() => file.read(new Uint8Array(1), 0)).toThrow('EBADF')
})

test('with chance, a crash may keep any part of what was not synced', async () => {
  const outcomes = new Set<string>()
  for (let seed = 0; seed < 200; seed++) {
    const fs = new SimFileSystem({random: seededRandom(seed)})
    const file = fs.open('/f', 'create')
    file.write(new Uint8Array(1024), 0)
    await file.syncData()
    await fs.syncDirectory('/')
    file.write(new Uint8Array(1024).fill(1), 0)
    fs.crash()
    const content = fs.content('/f')
    outcomes.add(`${content[0]}${content[512]}`)
  }

  expect([...outcomes].sort()).toEqual(['00', '01', '10', '11'])
})

test('what a failed sync covered is not made durable by a later one', async () => {
  let fails = false
  const fs = new SimFileSystem({
    fault: operation => (fails && operation === 'sync' ? new Error('EIO') : undefined),
  })
  const file = fs.open('/f', 'create')
  file.write(bytes(1), 0)
  await file.syncData()
  await fs.syncDirectory('/')
  file.write(bytes(2), 0)
  fails = true
  await expect(file.syncData()).rejects.toThrow('EIO')
  fails = false
  await file.syncData()

  fs.crash()

  expect(fs.content('/f')).toEqual(bytes(1))
})
