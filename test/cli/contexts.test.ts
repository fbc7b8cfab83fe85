import {readdir, readFile, stat, writeFile} from 'node:fs/promises'
import {dirname} from 'node:path'
import {expect, test} from 'vitest'
import type {Context} from '../../src/cli/contexts.js'
import {
  addContext,
  contextNamed,
  contextsPath,
  dropLocalContexts,
  localContext,
  putContext,
  readContexts,
  refuseRemoteContext,
  removeContext,
  useContext,
} from '../../src/cli/contexts.js'
import {replaceFile} from '../../src/cluster/files.js'
import {temporaryDirectory} from '../support/temporary.js'

const local = (name: string, directory = `/data/${name}`) =>
  localContext({name, directory, clusterId: 'c1'})
const remote = (name: string): Context & {kind: 'remote'} => ({
  kind: 'remote',
  name,
  endpoints: ['10.0.0.1:7400'],
  clusterId: 'c2',
})

test('without a file there are no contexts', async () => {
  const env = await home()

  expect(await readContexts(env)).toEqual({current: undefined, contexts: []})
})

test('the first context becomes the current one, and the next local one after it', async () => {
  const env = await home()

  const first = await putContext(env, local('a'))
  const second = await putContext(env, local('b'))

  expect([first, second]).toEqual([true, true])
  expect(await readContexts(env)).toEqual({current: 'b', contexts: [local('a'), local('b')]})
})

test('a local cluster does not take the place of a current remote one', async () => {
  const env = await home()
  await putContext(env, remote('prod'))

  const current = await putContext(env, local('toy'))

  expect(current).toBe(false)
  expect((await readContexts(env)).current).toBe('prod')
})

test('a local cluster does not take the name of a remote context', async () => {
  const env = await home()
  await putContext(env, remote('prod'))

  await expect(refuseRemoteContext(env, 'prod')).rejects.toMatchObject({
    code: 'RAFTCTL_CLUSTER_EXISTS',
  })
  await expect(refuseRemoteContext(env, 'toy')).resolves.toBeUndefined()
})

test('dropping the contexts of a directory leaves the others, and no current one', async () => {
  const env = await home()
  await putContext(env, local('a'))
  await putContext(env, local('b'))

  const dropped = await dropLocalContexts(env, '/data/b')

  expect(dropped).toEqual(['b'])
  expect(await readContexts(env)).toEqual({current: undefined, contexts: [local('a')]})
})

test('the file is readable by its owner only, and nothing else stays beside it', async () => {
  const env = await home()

  await putContext(env, local('a'))

  const {mode} = await stat(contextsPath(env))
  expect(mode & 0o777).toBe(0o600)
  expect(await readdir(dirname(contextsPath(env)))).toEqual(['contexts.json'])
})

test('many at once all get in', async () => {
  const env = await home()
  const names = Array.from({length: 12}, (_, i) => `c${i}`)

  await Promise.all(names.map(name => putContext(env, local(name))))

  const {contexts} = await readContexts(env)
  expect(contexts.map(context => context.name).sort()).toEqual([...names].sort())
})

for (const text of ['', '{', '[]', '{"version":2,"current":null,"contexts":[]}', '{"version":1}']) {
  test(`a damaged file is named and left alone: ${text || '(empty)'}`, async () => {
    const env = await home()
    await replaceFile(contextsPath(env), '')
    await writeFile(contextsPath(env), text)

    await expect(putContext(env, local('a'))).rejects.toMatchObject({code: 'RAFTCTL_DATA_DAMAGED'})

    expect(await readFile(contextsPath(env), 'utf8')).toBe(text)
  })
}

async function home() {
  return {HOME: await temporaryDirectory()}
}

test('another context is made the current one, once', async () => {
  const env = await home()
  await putContext(env, remote('prod'))
  await putContext(env, local('toy'))

  const changed = [await useContext(env, 'toy'), await useContext(env, 'toy')]

  expect(changed).toEqual([true, false])
  expect((await readContexts(env)).current).toBe('toy')
})

test('a context that is not there is named with those that are', async () => {
  const env = await home()
  await putContext(env, remote('prod'))

  await expect(useContext(env, 'prud')).rejects.toMatchObject({
    code: 'RAFTCTL_CONTEXT_NOT_FOUND',
    hint: 'Contexts are: prod.',
  })
  const all = await readContexts(env)
  expect(all.current).toBe('prod')
  expect(contextNamed(all, 'prod')).toEqual(remote('prod'))
})

test('the current context that is removed leaves none current', async () => {
  const env = await home()
  await putContext(env, remote('prod'))
  await putContext(env, remote('test'))

  const changed = [await removeContext(env, 'prod'), await removeContext(env, 'prod')]

  expect(changed).toEqual([true, false])
  expect(await readContexts(env)).toEqual({current: undefined, contexts: [remote('test')]})
})

test('a name is not taken from another cluster, and taken anew for the same', async () => {
  const env = await home()
  await addContext(env, remote('prod'))
  await putContext(env, local('toy'))

  const again = {...remote('prod'), endpoints: ['10.0.0.2:7400']}
  await addContext(env, again)
  const [other, ofLocal] = await Promise.allSettled([
    addContext(env, {...remote('prod'), clusterId: 'c3'}),
    addContext(env, remote('toy')),
  ])

  const taken = {status: 'rejected', reason: {code: 'RAFTCTL_CLUSTER_EXISTS'}}
  expect(other).toMatchObject(taken)
  expect(ofLocal).toMatchObject(taken)
  expect((await readContexts(env)).contexts).toContainEqual(again)
})
