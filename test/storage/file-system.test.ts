import {expect, test} from 'vitest'
import {SimFileSystem} from '../../src/sim/sim-file-system.js'
import {ensureDirectory} from '../../src/storage/file-system.js'

test('a directory that was made by a process killed before its sync survives a crash after the next start', async () => {
  const fs = new SimFileSystem()
  fs.makeDirectory('/data')
  await fs.syncDirectory('/')
  fs.makeDirectory('/data/wal')
  fs.kill()

  await ensureDirectory(fs, '/data/wal')
  fs.crash()

  expect(fs.kindOf('/data/wal')).toBe('directory')
})

test('missing directories are made from the top, and all of them survive a crash', async () => {
  const fs = new SimFileSystem()

  await ensureDirectory(fs, '/data/groups/1/wal')
  fs.crash()

  expect(fs.kindOf('/data/groups/1/wal')).toBe('directory')
})

// Nodes of one local cluster start at once below the same parent.
test('a directory that another process makes between the look and the making is as good', async () => {
  const fs = new SimFileSystem()
  const make = fs.makeDirectory.bind(fs)
  let raced = false
  fs.makeDirectory = path => {
    if (path === '/data' && !raced) {
      raced = true
      make(path)
    }
    make(path)
  }

  await ensureDirectory(fs, '/data/wal')

  expect(raced).toBe(true)
  expect(fs.kindOf('/data/wal')).toBe('directory')
})
