import {spawnSync} from 'node:child_process'
import {readdir, readFile, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {expect, test} from 'vitest'
import {readJsonFile, replaceFile, withFileLock} from '../../src/cluster/files.js'
import {ownProcess} from '../../src/cluster/processes.js'
import {temporaryDirectory} from '../support/temporary.js'

test('a file is replaced as a whole, and nothing stays beside it', async () => {
  const directory = await temporaryDirectory()
  const path = join(directory, 'deep', 'file.json')

  await replaceFile(path, '{"a":1}')
  await replaceFile(path, '{"a":2}')

  expect(await readJsonFile(path)).toEqual({a: 2})
  expect(await readdir(join(directory, 'deep'))).toEqual(['file.json'])
})

test('what is missing is undefined, what is no JSON is named', async () => {
  const directory = await temporaryDirectory()
  const path = join(directory, 'file.json')
  await writeFile(path, '{"a":')

  expect(await readJsonFile(join(directory, 'none'))).toBeUndefined()
  await expect(readJsonFile(path)).rejects.toMatchObject({code: 'RAFTCTL_DATA_DAMAGED'})
})

test('of many who want the lock one at a time gets it', async () => {
  const path = join(await temporaryDirectory(), 'file')
  let inside = 0
  let most = 0
  const work = () =>
    withFileLock(path, async () => {
      inside += 1
      most = Math.max(most, inside)
      await readFile(`${path}.lock`)
      inside -= 1
    })

  await Promise.all(Array.from({length: 20}, work))

  expect(most).toBe(1)
})

test('the lock is free again after a failure', async () => {
  const path = join(await temporaryDirectory(), 'file')

  await expect(withFileLock(path, () => Promise.reject(new Error('no')))).rejects.toThrow('no')

  await expect(withFileLock(path, async () => 'yes')).resolves.toBe('yes')
})

test('the lock of a process that died is taken over, by one of many', async () => {
  const path = join(await temporaryDirectory(), 'file')
  const {pid} = spawnSync(process.execPath, ['-e', '0'])
  await writeFile(`${path}.lock`, JSON.stringify({pid, started: 'once'}))
  let inside = 0
  let most = 0
  const work = () =>
    withFileLock(path, async () => {
      inside += 1
      most = Math.max(most, inside)
      await readFile(`${path}.lock`)
      inside -= 1
    })

  await Promise.all(Array.from({length: 8}, work))

  expect(most).toBe(1)
})

test('the lock of a pid that was given to somebody else is taken over', async () => {
  const path = join(await temporaryDirectory(), 'file')
  const own = await ownProcess()
  await writeFile(`${path}.lock`, JSON.stringify({...own, started: 'another start'}))

  await expect(withFileLock(path, async () => 'yes')).resolves.toBe('yes')
})
