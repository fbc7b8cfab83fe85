import {execFileSync, spawn} from 'node:child_process'
import {once} from 'node:events'
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterAll, expect, test} from 'vitest'
import {RaftctlError} from '../../src/errors.js'
import {groupId, nodeId} from '../../src/raft/types.js'
import {SimFileSystem} from '../../src/sim/sim-file-system.js'
import {openDataDirectory} from '../../src/storage/data-directory.js'
import {NodeFileSystem} from '../../src/storage/node-file-system.js'
import {seededRandom} from './log-helpers.js'

const scratch = mkdtempSync(join(tmpdir(), 'raftctl-data-'))
afterAll(() => rmSync(scratch, {recursive: true, force: true}))
let directories = 0
const fresh = () => join(scratch, String(directories++), 'node')
const fs = new NodeFileSystem()
const identity = {clusterId: 'c1', nodeId: nodeId(3), storeId: 's3'}

/** A program that takes the directory it is told and keeps it until it is killed. */
function compileHolder(): string {
  const out = join(scratch, 'compiled')
  const root = join(import.meta.dirname, '../..')
  const source = join(root, 'src/storage/node-directory-lock.ts')
  const options = '--module nodenext --target es2023 --types node --skipLibCheck --ignoreConfig'
  execFileSync(
    join(root, 'node_modules/.bin/tsc'),
    [...options.split(' '), '--rootDir', root, '--outDir', out, source],
    {cwd: root},
  )
  writeFileSync(join(out, 'package.json'), '{"type": "module"}')
  const program = join(out, 'holder.js')
  writeFileSync(
    program,
    `import {lockDirectory} from './src/storage/node-directory-lock.js'
    await lockDirectory(process.argv[2])
    process.stdout.write('taken')
    setInterval(() => {}, 1000)`,
  )
  return program
}

test('a new directory is pristine, and then remembers who it is', async () => {
  const path = fresh()
  const first = await openDataDirectory(fs, path)
  expect(first.identity).toBeUndefined()
  await first.writeIdentity(identity)
  await first.writeIdentity(identity)
  await first.release()

  const second = await openDataDirectory(fs, path)

  expect(second.identity).toEqual(identity)
  expect(second.groupPaths(groupId(1)).wal).toBe(`${path}/groups/1/wal`)
  await expect(second.writeIdentity({...identity, nodeId: nodeId(4)})).rejects.toMatchObject({
    code: 'RAFTCTL_NOT_PRISTINE',
  })
  expect(statSync(path).mode & 0o777).toBe(0o700)
  expect(statSync(join(path, 'node.json')).mode & 0o777).toBe(0o600)
  await second.release()
})

test('a directory with files of something else is refused', async () => {
  const path = fresh()
  mkdirSync(path, {recursive: true})
  writeFileSync(join(path, 'thesis.tex'), 'hello')

  await expect(openDataDirectory(fs, path)).rejects.toMatchObject({
    code: 'RAFTCTL_NOT_PRISTINE',
    message: expect.stringContaining('thesis.tex'),
  })
})

test('an identity that was edited, cut or written by a newer version is refused', async () => {
  const path = fresh()
  const directory = await openDataDirectory(fs, path)
  await directory.writeIdentity(identity)
  await directory.release()
  const file = join(path, 'node.json')
  const whole = readFileSync(file, 'utf8')

  for (const [content, code] of [
    [whole.replace('"nodeId": 3', '"nodeId": 4'), 'RAFTCTL_DATA_DAMAGED'],
    [whole.slice(0, -20), 'RAFTCTL_DATA_DAMAGED'],
    ['', 'RAFTCTL_DATA_DAMAGED'],
    ['null', 'RAFTCTL_DATA_DAMAGED'],
    [whole.replace('"formatVersion": 1', '"formatVersion": 2'), 'RAFTCTL_FORMAT_NEWER'],
  ] as const) {
    writeFileSync(file, content)
    await expect(openDataDirectory(fs, path)).rejects.toMatchObject({code})
  }
  writeFileSync(file, whole)
  const again = await openDataDirectory(fs, path)
  expect(again.identity).toEqual(identity)
  await again.release()
})

test('after a crash at any operation a directory is pristine, or has the whole identity', async () => {
  const seeds = 8
  for (let run = seeds; ; run++) {
    const crashAt = Math.floor(run / seeds)
    let count = 0
    let isOn = true
    const sim = new SimFileSystem({
      random: seededRandom(run),
      fault: () =>
        isOn && ++count >= crashAt ? new RaftctlError('RAFTCTL_INPUT_OUTPUT', 'EIO') : undefined,
    })
    const isWritten = await openDataDirectory(sim, '/a/b')
      .then(directory => directory.writeIdentity(identity))
      .then(
        () => true,
        () => false,
      )
    isOn = false
    if (count < crashAt) break
    sim.crash()

    const again = await openDataDirectory(sim, '/a/b')

    if (isWritten) expect(again.identity).toEqual(identity)
    else expect([undefined, identity]).toContainEqual(again.identity)
    await again.writeIdentity(identity)
  }
})

test('a lock file left by a process that is gone, or was another, locks nothing', async () => {
  const path = fresh()
  mkdirSync(path, {recursive: true})
  for (const left of [
    '',
    '{"pid": 999999999, "startTime": "1", "boot": "x"}',
    // Our parent lives, but started at another time: the pid was given to someone else since.
    JSON.stringify({pid: process.ppid, startTime: '1', boot: ownBoot()}),
  ]) {
    writeFileSync(join(path, 'LOCK'), left)

    const directory = await openDataDirectory(fs, path)

    await directory.release()
  }
})

test('a lock file of a living process in another network is respected', async () => {
  if (process.platform !== 'linux') return
  const path = fresh()
  mkdirSync(path, {recursive: true})
  const stat = readFileSync(`/proc/${process.ppid}/stat`, 'utf8')
  const startTime = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  const holder = {pid: process.ppid, startTime, boot: ownBoot()}
  writeFileSync(join(path, 'LOCK'), JSON.stringify(holder))

  await expect(openDataDirectory(fs, path)).rejects.toMatchObject({
    code: 'RAFTCTL_DIRECTORY_IN_USE',
    details: {pid: process.ppid},
  })
})

function ownBoot(): string {
  if (process.platform !== 'linux') return ''
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  return `${boot} ${readlinkSync('/proc/self/ns/pid')}`
}

test('a directory is taken by one process at a time, and free once that one is killed', async () => {
  const path = fresh()
  const first = await openDataDirectory(fs, path)
  await expect(openDataDirectory(fs, path)).rejects.toMatchObject({
    code: 'RAFTCTL_DIRECTORY_IN_USE',
    message: expect.stringContaining(String(process.pid)),
  })
  await first.release()

  const holder = spawn(process.execPath, [compileHolder(), path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    await once(holder.stdout, 'data')
    await expect(openDataDirectory(fs, path)).rejects.toMatchObject({
      code: 'RAFTCTL_DIRECTORY_IN_USE',
      message: expect.stringContaining(String(holder.pid)),
    })
    holder.kill('SIGKILL')
    await once(holder, 'exit')

    const second = await openDataDirectory(fs, path)
    await second.release()
  } finally {
    holder.kill('SIGKILL')
  }
})

test('an identity that was read once is there for good, though its writer was killed at the last sync', async () => {
  let holds = false
  const sim = new SimFileSystem({
    directorySyncPause: () => (holds ? new Promise<void>(() => {}) : undefined),
  })
  const first = await openDataDirectory(sim, '/node')
  holds = true
  void first.writeIdentity(identity)
  while (sim.kindOf('/node/node.json') === undefined) await Promise.resolve()
  sim.kill()
  holds = false

  const second = await openDataDirectory(sim, '/node')
  expect(second.identity).toEqual(identity)
  sim.crash()

  expect((await openDataDirectory(sim, '/node')).identity).toEqual(identity)
})
