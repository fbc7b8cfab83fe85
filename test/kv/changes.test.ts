import {expect, test} from 'vitest'
import {ChangeLog} from '../../src/kv/changes.js'
import {LmdbStateMachine} from '../../src/kv/lmdb-state-machine.js'
import {logIndex} from '../../src/raft/types.js'
import {inSession, Log, openSession, put, remove, temporaryDirectory, text} from './fixtures.js'

function shown(page: ReturnType<ChangeLog['after']>) {
  return page?.changes.map(({op, key, value, version}) => {
    return `${version} ${op} ${text(key)}${op === 'put' ? `=${text(value)}` : ''}`
  })
}

async function machine(): Promise<LmdbStateMachine> {
  return LmdbStateMachine.open(await temporaryDirectory())
}

test('only what changed a key is a change', async () => {
  const state = await machine()
  const log = new Log()
  const session = inSession(1, 1)
  await state.apply([
    log.command(openSession()),
    log.command(put('a', '1', {session})),
    log.command(put('a', '1', {session})),
    log.command(put('a', '2', {expectedVersion: 77})),
    log.command(remove('gone')),
    log.command(remove('a')),
    log.blank(),
  ])

  const page = state.changes.after(0, 1e6)

  expect(shown(page)).toEqual(['2 put a=1', '6 delete a'])
  expect(page?.upTo).toBe(7)
  expect(shown(state.changes.after(2, 1e6))).toEqual(['6 delete a'])
  expect(state.changes.after(7, 1e6)).toEqual({changes: [], upTo: 7})
  await state.close()
})

test('pages end where they are full, and the next begins right there', async () => {
  const state = await machine()
  const log = new Log()
  await state.apply(Array.from({length: 50}, (_, i) => log.command(put(`k${i}`, 'v'))))

  const seen: string[] = []
  let version = 0
  while (version < 50) {
    const page = state.changes.after(version, 200)!
    expect(page.changes.length).toBeLessThan(10)
    seen.push(...shown(page)!)
    version = page.upTo
  }

  expect(seen).toEqual(Array.from({length: 50}, (_, i) => `${i + 1} put k${i}=v`))
  await state.close()
})

test('what is not held any more is said, by count and by bytes, never skipped', () => {
  for (const [countMax, bytesMax] of [
    [10, 1e9],
    [1e9, 600],
  ] as const) {
    const log = new Log()
    const changes = new ChangeLog(logIndex(0), countMax, bytesMax)
    for (let i = 1; i <= 3000; i++) {
      const entry = log.command(put('key', 'value'))
      changes.add(entry, {kind: 'put', version: entry.index, previousVersion: 0})
      changes.advance(entry.index)
    }

    const {floor} = changes
    expect(floor).toBeGreaterThan(2900)
    expect(changes.after(floor - 1, 1e6)).toBeUndefined()
    expect(changes.after(floor, 1e6)?.changes).toHaveLength(3000 - floor)
    expect(changes.after(floor, 1e6)?.changes[0]?.version).toBe(floor + 1)
  }
})

test('a state that was replaced by a snapshot holds nothing from before', async () => {
  const [from, to] = [await machine(), await machine()]
  const log = new Log()
  await from.apply([log.command(put('a', '1')), log.command(put('b', '2'))])
  const snapshot = from.snapshot()

  await to.restore(snapshot.meta, snapshot.content)
  snapshot.close()

  expect(to.changes.after(1, 1e6)).toBeUndefined()
  expect(to.changes.after(2, 1e6)).toEqual({changes: [], upTo: 2})
  await from.close()
  await to.close()
})

test('a checkpoint has the same hash on members that batch differently, whatever follows it', async () => {
  const [one, other] = [await machine(), await machine()]
  const log = new Log()
  const entries = [
    ...Array.from({length: 30}, (_, i) => log.command(put(`k${i}`, `v${i}`))),
    log.checkpoint(),
    ...Array.from({length: 30}, (_, i) => log.command(put(`k${i}`, `later ${i}`))),
  ]

  await one.apply(entries)
  for (const entry of entries) {
    await other.apply([entry])
    if (entry.index % 10 === 0) await other.flush()
  }

  const hash = await one.checkpointHash(31)
  expect(hash).toMatch(/^[0-9a-f]{64}$/)
  expect(await other.checkpointHash(31)).toBe(hash)
  expect((await one.hash()).hash).not.toBe(hash)
  expect(one.checkpointHash(30)).toBeUndefined()
  await one.close()
  await other.close()
})

test('the checkpoints of long ago are forgotten', async () => {
  const state = await machine()
  const log = new Log()
  await state.apply(Array.from({length: 6}, () => log.checkpoint()))

  expect(state.checkpointHash(1)).toBeUndefined()
  expect(await state.checkpointHash(6)).toMatch(/^[0-9a-f]{64}$/)
  await state.close()
})
