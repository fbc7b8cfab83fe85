import {chmod, mkdir, readdir, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {expect, test} from 'vitest'
import {CodeCache} from '../../src/cli/code-cache.js'
import {temporaryDirectory} from '../support/temporary.js'

const data = Buffer.from('compiled')

test('what was written beside the bundle is read again', async () => {
  const bundle = await temporaryDirectory()

  new CodeCache(bundle, {}).write([['main.js', () => data]])

  expect(new CodeCache(bundle, {}).read('main.js')).toEqual(data)
  expect(new CodeCache(bundle, {NODE_OPTIONS: '--stack-size=900'}).read('main.js')).toBeUndefined()
})

test("where the package is somebody else's, the user's cache is taken", async () => {
  const home = await temporaryDirectory()
  const gone = join(home, 'gone')

  new CodeCache(gone, {HOME: home}).write([['main.js', () => data]])

  expect(new CodeCache(gone, {HOME: home}).read('main.js')).toEqual(data)
  expect(await readdir(join(home, '.cache', 'raftctl'))).toEqual(['code'])
})

test('a directory that others may write is left alone', async () => {
  const home = await temporaryDirectory()
  const open = join(home, '.cache', 'raftctl', 'code')
  await mkdir(open, {recursive: true})
  await chmod(open, 0o777)

  new CodeCache(join(home, 'gone'), {HOME: home}).write([['main.js', () => data]])

  expect(await readdir(open)).toEqual([])
})

test('nowhere to write is no failure', async () => {
  const home = await temporaryDirectory()
  await writeFile(join(home, '.cache'), '')
  const cache = new CodeCache(join(home, 'gone'), {HOME: home})

  cache.write([['main.js', () => data]])

  expect(cache.read('main.js')).toBeUndefined()
  expect(new CodeCache('/nowhere', {}).read('main.js')).toBeUndefined()
})
