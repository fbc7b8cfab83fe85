import {mkdir, readdir, readlink, symlink, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {expect, test} from 'vitest'
import {destroyCluster} from '../../src/cluster/destroy.js'
import {clustersHome} from '../../src/cluster/paths.js'
import {
  findLocalCluster,
  namePath,
  readLocalClusters,
  recordPath,
  updateCluster,
  writeCluster,
} from '../../src/cluster/registry.js'
import {reserve} from '../../src/cluster/reserve.js'
import {temporaryDirectory} from '../support/temporary.js'

test('of two who want one name one gets it', async () => {
  const env = await home()
  const wish = {env, name: 't', dataDir: undefined}

  const results = await Promise.allSettled(Array.from({length: 6}, () => reserve(wish)))

  expect(results.filter(result => result.status === 'fulfilled')).toHaveLength(1)
  for (const result of results) {
    if (result.status === 'rejected') expect(result.reason.code).toBe('RAFTCTL_CLUSTER_EXISTS')
  }
  expect(await readdir(clustersHome(env))).toEqual(['t'])
})

test('the name of a whole cluster is refused, with what to do', async () => {
  const env = await home()
  const cluster = await reserve({env, name: 't', dataDir: undefined})
  await writeCluster({...cluster, state: 'ready', maker: undefined})

  await expect(reserve({env, name: 't', dataDir: undefined})).rejects.toMatchObject({
    code: 'RAFTCTL_CLUSTER_EXISTS',
    hint: expect.stringContaining('raftctl cluster start t'),
  })
})

test('a cluster whose maker died is named as half-made, with the command that removes it', async () => {
  const env = await home()
  const cluster = await reserve({env, name: 't', dataDir: undefined})
  await writeCluster({...cluster, maker: {pid: cluster.maker!.pid, started: 'long ago'}})

  await expect(reserve({env, name: 't', dataDir: undefined})).rejects.toMatchObject({
    code: 'RAFTCTL_CLUSTER_EXISTS',
    message: expect.stringContaining('half-made'),
    hint: 'Remove what is left: raftctl cluster destroy --name t --yes',
  })
  await destroyCluster(env, 't')
  await expect(reserve({env, name: 't', dataDir: undefined})).resolves.toMatchObject({name: 't'})
})

test('a cluster that is being made is not destroyed by another process', async () => {
  const env = await home()
  const cluster = await reserve({env, name: 't', dataDir: undefined})
  const {ownProcess, processIdentity} = await import('../../src/cluster/processes.js')
  const parent = await processIdentity(process.ppid)
  await writeCluster({...cluster, maker: parent ?? (await ownProcess())})

  await expect(destroyCluster(env, 't')).rejects.toMatchObject({code: 'RAFTCTL_REFUSED'})
})

test('a directory of its own is linked to the name, and removed with the cluster', async () => {
  const env = await home()
  const dataDir = join(env.HOME, 'elsewhere', 't')

  const cluster = await reserve({env, name: 't', dataDir})

  expect(cluster.directory).toBe(dataDir)
  expect(await readlink(namePath(env, 't'))).toBe(dataDir)
  await destroyCluster(env, 't')
  expect(await readdir(join(env.HOME, 'elsewhere'))).toEqual([])
  expect(await readdir(clustersHome(env))).toEqual([])
})

test('a directory that holds something is refused and left alone', async () => {
  const env = await home()
  const dataDir = join(env.HOME, 'documents')
  await mkdir(dataDir)
  await writeFile(join(dataDir, 'letter'), 'dear')

  await expect(reserve({env, name: 't', dataDir})).rejects.toMatchObject({
    code: 'RAFTCTL_NOT_PRISTINE',
  })

  expect(await readdir(dataDir)).toEqual(['letter'])
  expect(await readdir(clustersHome(env))).toEqual([])
  expect((await readdir(env.HOME)).sort()).toEqual(['.local', 'documents'])
})

test('what somebody else put beside the cluster survives its end, and is named', async () => {
  const env = await home()
  const cluster = await reserve({env, name: 't', dataDir: undefined})
  await writeFile(join(cluster.directory, 'notes'), 'mine')

  const destroyed = await destroyCluster(env, 't')

  expect(destroyed.left).toEqual(['notes'])
  expect(await readdir(cluster.directory)).toEqual(['notes'])
})

test('a directory that never was a cluster is not deleted', async () => {
  const env = await home()
  const dataDir = join(env.HOME, 'documents')
  await mkdir(dataDir)
  await writeFile(join(dataDir, 'letter'), 'dear')
  await mkdir(clustersHome(env), {recursive: true})
  await symlink(dataDir, namePath(env, 't'))

  await expect(destroyCluster(env, 't')).rejects.toMatchObject({code: 'RAFTCTL_REFUSED'})

  expect(await readdir(dataDir)).toEqual(['letter'])
})

test('a name that leads nowhere any more can be destroyed', async () => {
  const env = await home()
  await mkdir(clustersHome(env), {recursive: true})
  await symlink(join(env.HOME, 'gone'), namePath(env, 't'))

  await destroyCluster(env, 't')

  expect(await readdir(clustersHome(env))).toEqual([])
})

test('an unknown cluster is told', async () => {
  const env = await home()

  await expect(destroyCluster(env, 't')).rejects.toMatchObject({code: 'RAFTCTL_CLUSTER_NOT_FOUND'})
  await expect(findLocalCluster('t', {env})).rejects.toMatchObject({
    code: 'RAFTCTL_CLUSTER_NOT_FOUND',
  })
})

for (const name of ['', '..', 'a/b', '1', '12', '-a', 'a b', 'a'.repeat(64), '.hidden']) {
  test(`"${name.slice(0, 10)}" is no name`, async () => {
    const env = await home()

    await expect(reserve({env, name, dataDir: undefined})).rejects.toMatchObject({
      code: 'RAFTCTL_USAGE',
    })
  })
}

test('changes of one cluster at the same time are all kept', async () => {
  const env = await home()
  const {directory} = await reserve({env, name: 't', dataDir: undefined})
  const add = () =>
    updateCluster(directory, now => ({...now, nextNodeNumber: now.nextNodeNumber + 1}))

  await Promise.all(Array.from({length: 10}, add))

  expect((await findLocalCluster('t', {env})).nextNodeNumber).toBe(11)
})

const damaged = [
  {because: 'a node with a path for a name', change: {nodes: [{name: '../..', address: 'a:1'}]}},
  {because: 'another format', change: {format: 'raftctl-local-cluster/9'}},
  {because: 'an unknown state', change: {state: 'odd'}},
]

for (const {because, change} of damaged) {
  test(`a record with ${because} is refused, and destroys nothing`, async () => {
    const env = await home()
    const {directory} = await reserve({env, name: 't', dataDir: undefined})
    const record = {
      format: 'raftctl-local-cluster/1',
      name: 't',
      state: 'ready',
      createdMs: 0,
      nodes: [],
      nextNodeNumber: 1,
      ...change,
    }
    await writeFile(recordPath(directory), JSON.stringify(record))

    await expect(destroyCluster(env, 't')).rejects.toMatchObject({code: 'RAFTCTL_DATA_DAMAGED'})

    const {clusters, problems} = await readLocalClusters(env)
    expect(clusters).toEqual([])
    expect(problems).toEqual([expect.stringContaining('t: ')])
    expect(await readdir(directory)).toEqual(['cluster.json'])
  })
}

async function home() {
  return {HOME: await temporaryDirectory()}
}
