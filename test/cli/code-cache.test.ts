import {chmod, mkdir, readdir, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {expect, test} from 'vitest'
import {CodeCache} from '../../src/cli/code-cache.js'
import {temporaryDirectory} from '../support/temporary.js'

const text = Buffer.from('the text')
const data = Buffer.from('compiled')
const compiled = {name: 'main.js', text, produce: () => data}

test('what was written beside the bundle is read again', async () => {
  const bundle = await temporaryDirectory()

  new CodeCache(bundle, {}).write([compiled])

  expect(new CodeCache(bundle, {}).read('main.js', text)).toEqual(data)
  expect(
    new CodeCache(bundle, {NODE_OPTIONS: '--stack-size=900'}).read('main.js', text),
  ).toBeUndefined()
})

test("where the package is somebody else's, the user's cache is taken", async () => {
  const home = await temporaryDirectory()
  const gone = join(home, 'gone')

  new CodeCache(gone, {HOME: home}).write([compiled])

  expect(new CodeCache(gone, {HOME: home}).read('main.js', text)).toEqual(data)
  expect(await readdir(join(home, '.cache', 'raftctl'))).toEqual(['code'])
})

test('a directory that others may write is left alone', async () => {
  const home = await temporaryDirectory()
  const open = join(home, '.cache', 'raftctl', 'code')
  await mkdir(open, {recursive: true})
  await chmod(open, 0o777)

  new CodeCache(join(home, 'gone'), {HOME: home}).write([compiled])

  expect(await readdir(open)).toEqual([])
})

test('nowhere to write is no failure', async () => {
  const home = await temporaryDirectory()
  await writeFile(join(home, '.cache'), '')
  const cache = new CodeCache(join(home, 'gone'), {HOME: home})

  cache.write([compiled])

  expect(cache.read('main.js', text)).toBeUndefined()
  expect(new CodeCache('/nowhere', {}).read('main.js', text)).toBeUndefined()
})

test('what was compiled from another text is not read, be it of the same length', async () => {
  const cache = new CodeCache(await temporaryDirectory(), {})

  cache.write([compiled])

  expect(cache.read('main.js', Buffer.from('THE TEXT'))).toBeUndefined()
})
