import {cp, mkdir, readdir, readFile, rm, truncate, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {expect, onTestFinished, test} from 'vitest'
import {LmdbStateMachine} from '../../src/kv/lmdb-state-machine.js'
import {chunksOf, contentOf, Log, put, sha256, temporaryDirectory} from './fixtures.js'

async function open(path: string): Promise<LmdbStateMachine> {
  const machine = await LmdbStateMachine.open(path)
  onTestFinished(() => machine.close())
  return machine
}

/** A state of one value, the content that is to replace it, and a directory for copies. */
async function setUp() {
  const directory = await temporaryDirectory()
  const source = await open(join(directory, 'source'))
  const log = new Log(1, 7)
  await source.apply([log.membership('new'), log.command(put('new', 'n'.repeat(300_000)))])
  await source.apply(Array.from({length: 40}, (_, i) => log.command(put(`n${i}`, 'n'))))
  const snapshot = source.snapshot()
  const {meta} = snapshot
  snapshot.close()
  const newContent = await contentOf(source)
  const machine = await open(join(directory, 'state'))
  await machine.apply([new Log().command(put('old', 'o'))])
  await machine.flush()
  const oldContent = await contentOf(machine)
  const copyState = async (name: string) => {
    await cp(join(directory, 'state'), join(directory, name), {recursive: true})
    return join(directory, name)
  }
  return {directory, machine, meta, oldContent, newContent, copyState}
}

test('a crash at any step of a restore leaves the whole old state or the whole new one', async () => {
  const {directory, machine, meta, oldContent, newContent, copyState} = await setUp()
  const before = await copyState('before')
  async function* copying() {
    let count = 0
    for await (const chunk of chunksOf(newContent, 50_000)) {
      yield chunk
      await copyState(`chunk ${count++}`)
    }
  }

  await machine.restore(meta, copying())

  const after = await copyState('after')
  const built = join(directory, 'built, not in force')
  await cp(before, built, {recursive: true})
  await cp(join(after, '00000002'), join(built, '00000002'), {recursive: true})
  const pointing = join(directory, 'pointer being written')
  await cp(built, pointing, {recursive: true})
  await writeFile(join(pointing, 'CURRENT.partial'), '0000')
  const both = join(directory, 'in force, the old not removed')
  await cp(built, both, {recursive: true})
  await cp(join(after, 'CURRENT'), join(both, 'CURRENT'))

  const chunks = (await readdir(directory)).filter(name => name.startsWith('chunk '))
  expect(chunks.length).toBeGreaterThan(5)
  for (const name of [...chunks, 'before', 'built, not in force', 'pointer being written']) {
    const left = await open(join(directory, name))
    expect(left.appliedIndex, name).toBe(1)
    expect(sha256(await contentOf(left)), name).toBe(sha256(oldContent))
    expect((await readdir(join(directory, name))).sort(), name).toEqual(['00000001', 'CURRENT'])
  }
  for (const name of ['after', 'in force, the old not removed']) {
    const left = await open(join(directory, name))
    expect(left.appliedIndex, name).toBe(42)
    expect(sha256(await contentOf(left)), name).toBe(sha256(newContent))
    expect((await readdir(join(directory, name))).sort(), name).toEqual(['00000002', 'CURRENT'])
  }
})

test('a crash while the first generation is made leaves an empty state', async () => {
  const {directory, copyState} = await setUp()
  const left = await copyState('left')
  await rm(join(left, 'CURRENT'))

  const machine = await open(join(directory, 'left'))

  expect(machine.appliedIndex).toBe(0)
  expect(await readdir(left)).toContain('CURRENT')
})

test('a restore whose content fails leaves the state in use, and can be tried again', async () => {
  const {machine, meta, oldContent, newContent} = await setUp()
  async function* failing() {
    yield newContent.subarray(0, 60_000)
    throw new Error('the stream broke')
  }

  await expect(machine.restore(meta, failing())).rejects.toThrow('the stream broke')
  expect(sha256(await contentOf(machine))).toBe(sha256(oldContent))

  await machine.restore(meta, chunksOf(newContent, 4096))
  expect(sha256(await contentOf(machine))).toBe(sha256(newContent))
})

test('a snapshot that is being read when the state is replaced ends with an error', async () => {
  const {machine, meta, newContent} = await setUp()
  const snapshot = machine.snapshot()
  const content = snapshot.content[Symbol.asyncIterator]()
  await content.next()

  await machine.restore(meta, chunksOf(newContent, 4096))

  await expect(content.next()).rejects.toMatchObject({code: 'RAFTCTL_INPUT_OUTPUT'})
  snapshot.close()
  expect(sha256(await contentOf(machine))).toBe(sha256(newContent))
})

const damages: Record<string, (path: string) => Promise<void>> = {
  'a pointer that is none': path => writeFile(join(path, 'CURRENT'), 'nonsense\n'),
  'an empty pointer': path => writeFile(join(path, 'CURRENT'), ''),
  'a pointer to nothing': path => writeFile(join(path, 'CURRENT'), '00000009\n'),
  'a generation without its file': path => rm(join(path, '00000001/data.mdb')),
  'an empty file': path => truncate(join(path, '00000001/data.mdb'), 0),
  'a file cut to half': async path => {
    const file = join(path, '00000001/data.mdb')
    await truncate(file, (await readFile(file)).length / 2)
  },
  'a file of zeros': async path => {
    const file = join(path, '00000001/data.mdb')
    await writeFile(file, Buffer.alloc((await readFile(file)).length))
  },
}

for (const [damage, make] of Object.entries(damages)) {
  test(`${damage} is damage: the state refuses to open`, async () => {
    const {copyState} = await setUp()
    const path = await copyState('damaged')
    await rm(join(path, '00000001/lock.mdb'))
    await make(path)

    await expect(LmdbStateMachine.open(path)).rejects.toMatchObject({code: 'RAFTCTL_DATA_DAMAGED'})
  })
}

test('a closed state answers nothing more', async () => {
  const {directory} = await setUp()
  await mkdir(join(directory, 'sub'))
  const machine = await LmdbStateMachine.open(join(directory, 'sub/state'))

  await machine.close()
  await machine.close()

  expect(() => machine.get(new Uint8Array(1))).toThrow('closed')
  await expect(machine.apply([])).rejects.toMatchObject({code: 'RAFTCTL_NODE_STOPPED'})
})
