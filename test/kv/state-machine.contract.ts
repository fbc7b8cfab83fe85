import {expect, test} from 'vitest'
import {encodeCommand} from '../../src/kv/command.js'
import type {KeyRange, RangeResult} from '../../src/kv/range.js'
import type {MembershipRecord, StoredValue} from '../../src/kv/records.js'
import {SESSION_RESULTS_MAX, SESSIONS_MAX} from '../../src/kv/sessions.js'
import type {StateMachine} from '../../src/node/ports.js'
import {EMPTY_MEMBERSHIP} from '../../src/raft/membership.js'
import {logIndex, term} from '../../src/raft/types.js'
import {
  applyOne,
  bytes,
  chunksOf,
  contentOf,
  inSession,
  Log,
  membershipOf,
  openSession,
  put,
  remove,
  sha256,
  shown,
  text,
} from './fixtures.js'

export interface KeyValueStateMachine extends StateMachine {
  get(key: Uint8Array): StoredValue | undefined
  range(range: KeyRange): RangeResult
  membershipHistory(): readonly MembershipRecord[]
}

export interface Subject {
  readonly machine: KeyValueStateMachine
  /** Loses what is not durable and opens what is left. */
  crash(): Promise<KeyValueStateMachine>
}

const ALL = {start: new Uint8Array(0), end: new Uint8Array(0)}

/** What every key-value state machine keeps to, whatever its store. */
export function stateMachineContract(name: string, make: () => Promise<Subject>): void {
  test(`${name}: an empty state has applied nothing`, async () => {
    const {machine} = await make()

    expect(machine.appliedIndex).toBe(0)
    expect(machine.appliedTerm).toBe(0)
    expect(machine.durableIndex).toBe(0)
    expect(machine.membership).toEqual(EMPTY_MEMBERSHIP)
    expect(machine.range(ALL)).toEqual({items: [], appliedIndex: 0, next: undefined})
  })

  test(`${name}: a value has the index of its last write as its version`, async () => {
    const {machine} = await make()
    const log = new Log(1, 3)

    const results = await machine.apply([
      log.blank(),
      log.command(put('a', '1')),
      log.command(put('a', '2')),
      log.command(remove('a')),
      log.command(remove('a')),
      log.command(put('a', '3')),
    ])

    expect(results).toEqual([
      undefined,
      {kind: 'put', version: 2, previousVersion: 0},
      {kind: 'put', version: 3, previousVersion: 2},
      {kind: 'delete', deleted: true, index: 4},
      {kind: 'delete', deleted: false, index: 5},
      {kind: 'put', version: 6, previousVersion: 0},
    ])
    expect(text(machine.get(bytes('a'))?.value)).toBe('3')
    expect(machine.get(bytes('a'))?.version).toBe(6)
    expect(machine.appliedIndex).toBe(6)
    expect(machine.appliedTerm).toBe(3)
  })

  test(`${name}: compare-and-set writes only over the version that it names`, async () => {
    const {machine} = await make()
    const log = new Log()

    const results = await machine.apply([
      log.command(put('a', '1', {expectedVersion: 7})),
      log.command(put('a', '1', {expectedVersion: 0})),
      log.command(put('a', '2', {expectedVersion: 0})),
      log.command(put('a', '2', {expectedVersion: 2})),
      log.command(remove('a', {expectedVersion: 2})),
      log.command(remove('a', {expectedVersion: 4})),
      log.command(remove('a', {expectedVersion: 0})),
    ])

    expect(results).toEqual([
      {kind: 'compare-failed', expectedVersion: 7, version: 0},
      {kind: 'put', version: 2, previousVersion: 0},
      {kind: 'compare-failed', expectedVersion: 0, version: 2},
      {kind: 'put', version: 4, previousVersion: 2},
      {kind: 'compare-failed', expectedVersion: 2, version: 4},
      {kind: 'delete', deleted: true, index: 6},
      {kind: 'delete', deleted: false, index: 7},
    ])
  })

  test(`${name}: a malformed command answers so and changes nothing but the applied index`, async () => {
    const {machine} = await make()
    const log = new Log()
    await machine.apply([log.command(put('a', '1'))])
    const before = await contentOf(machine)

    const results = await machine.apply([
      log.command(new Uint8Array(0)),
      log.command(new Uint8Array(64).fill(255)),
      log.command(put('a', '2').subarray(0, 9)),
    ])

    expect(results.map(result => (result as {kind: string}).kind)).toEqual([
      'malformed',
      'malformed',
      'malformed',
    ])
    expect(machine.appliedIndex).toBe(4)
    expect(sha256(await contentOf(machine))).toBe(sha256(before))
  })

  test(`${name}: an entry that does not follow the applied index breaks an invariant`, async () => {
    const {machine} = await make()
    const log = new Log()
    const first = log.command(put('a', '1'))
    await machine.apply([first])

    await expect(machine.apply([first])).rejects.toThrow('follows the applied index')
    await expect(machine.apply([new Log(3).blank()])).rejects.toThrow('follows the applied index')
    expect(machine.appliedIndex).toBe(1)
  })

  test(`${name}: a retry in a session gives the first result and changes nothing`, async () => {
    const {machine} = await make()
    const log = new Log()
    const session = inSession(1, 1)
    const first = await machine.apply([
      log.command(openSession()),
      log.command(put('a', '1', {session})),
      log.command(put('a', '2')),
      log.command(put('a', '9', {session: inSession(1, 2), expectedVersion: 1})),
    ])
    const before = await contentOf(machine)

    const again = await machine.apply([
      log.command(put('a', '1', {session})),
      log.command(put('a', '9', {session: inSession(1, 2), expectedVersion: 1})),
    ])

    expect(first).toEqual([
      {kind: 'session-opened', sessionId: 1},
      {kind: 'put', version: 2, previousVersion: 0},
      {kind: 'put', version: 3, previousVersion: 2},
      {kind: 'compare-failed', expectedVersion: 1, version: 3},
    ])
    expect(again).toEqual([first[1], first[3]])
    expect(text(machine.get(bytes('a'))?.value)).toBe('2')
    expect(sha256(await contentOf(machine))).toBe(sha256(before))
  })

  test(`${name}: sequences may arrive in any order, and those that the client has are forgotten`, async () => {
    const {machine} = await make()
    const log = new Log()
    await machine.apply([log.command(openSession())])

    const results = await machine.apply([
      log.command(put('a', '1', {session: inSession(1, 3)})),
      log.command(put('a', '2', {session: inSession(1, 1)})),
      log.command(put('a', '3', {session: inSession(1, 4, 3)})),
      log.command(put('a', 'late', {session: inSession(1, 2)})),
      log.command(put('a', 'repeated', {session: inSession(1, 1)})),
      log.command(put('a', 'repeated', {session: inSession(1, 3)})),
    ])

    expect(results).toEqual([
      {kind: 'put', version: 2, previousVersion: 0},
      {kind: 'put', version: 3, previousVersion: 2},
      {kind: 'put', version: 4, previousVersion: 3},
      {kind: 'result-forgotten'},
      {kind: 'result-forgotten'},
      {kind: 'put', version: 2, previousVersion: 0},
    ])
    expect(text(machine.get(bytes('a'))?.value)).toBe('3')
  })

  test(`${name}: a session that never was, or is gone, is refused and nothing is applied`, async () => {
    const {machine} = await make()
    const log = new Log()

    const result = await applyOne(machine, log.command(put('a', '1', {session: inSession(9, 1)})))

    expect(result).toEqual({kind: 'session-expired'})
    expect(machine.get(bytes('a'))).toBeUndefined()
  })

  test(`${name}: a session too far ahead of its unanswered commands is refused`, async () => {
    const {machine} = await make()
    const log = new Log()
    await machine.apply([log.command(openSession())])
    const far = SESSION_RESULTS_MAX + 1

    const results = await machine.apply([
      log.command(put('a', '1', {session: inSession(1, far)})),
      log.command(put('a', '2', {session: inSession(1, far, 2)})),
    ])

    expect(results).toEqual([
      {kind: 'session-window-full', lowestUnanswered: 1},
      {kind: 'put', version: 3, previousVersion: 0},
    ])
  })

  test(`${name}: beyond the limit the least recently used session goes, also after a restart`, async () => {
    const subject = await make()
    const log = new Log()
    const opened = Array.from({length: SESSIONS_MAX}, () => log.command(openSession()))
    await subject.machine.apply(opened)
    await subject.machine.apply([log.command(put('a', '1', {session: inSession(1, 1)}))])
    await subject.machine.flush()
    const machine = await subject.crash()

    await machine.apply([log.command(openSession())])
    const results = await machine.apply([
      log.command(put('a', '2', {session: inSession(2, 1)})),
      log.command(put('a', '3', {session: inSession(1, 2)})),
      log.command(put('a', '4', {session: inSession(3, 1)})),
    ])

    expect(results.map(result => (result as {kind: string}).kind)).toEqual([
      'session-expired',
      'put',
      'put',
    ])
  })

  test(`${name}: a membership entry is in force, and in the history, as applied`, async () => {
    const {machine} = await make()
    const log = new Log(1, 2)

    await machine.apply([log.membership('first'), log.blank(), log.membership('second')])

    expect(machine.membership).toEqual(membershipOf(3, 'second'))
    expect(machine.membershipHistory()).toEqual([
      {index: 1, term: 2, membership: membershipOf(1, 'first')},
      {index: 3, term: 2, membership: membershipOf(3, 'second')},
    ])
  })

  test(`${name}: the history keeps the last thousand memberships`, async () => {
    const subject = await make()
    const log = new Log()
    const entries = Array.from({length: 1010}, () => log.membership())

    await subject.machine.apply(entries)
    await subject.machine.flush()
    const machine = await subject.crash()

    const indexes = machine.membershipHistory().map(({index}) => index)
    expect(indexes).toEqual(Array.from({length: 1000}, (_, i) => i + 11))
    expect(machine.membership.index).toBe(1010)
  })

  test(`${name}: a range is in byte order, bounded, and goes on where it stopped`, async () => {
    const {machine} = await make()
    const log = new Log()
    const keys = ['b', 'a', 'é', 'aa', 'c', 'Z']
    await machine.apply(keys.map(key => log.command(put(key, key))))
    await machine.flush()
    await machine.apply([log.command(remove('b')), log.command(put('ab', 'ab'))])

    const all = machine.range(ALL)
    const some = machine.range({start: bytes('aa'), end: bytes('c'), itemsMax: 1})
    const rest = machine.range({start: some.next!, end: bytes('c')})

    expect(shown(all.items).map(([key]) => key)).toEqual(['Z', 'a', 'aa', 'ab', 'c', 'é'])
    expect(all.appliedIndex).toBe(8)
    expect(all.next).toBeUndefined()
    expect(shown(some.items)).toEqual([['aa', 'aa', 4]])
    expect(shown(rest.items)).toEqual([['ab', 'ab', 8]])
    expect(machine.range({start: bytes('z'), end: bytes('a')}).items).toEqual([])
  })

  test(`${name}: pages of a range join to the whole, whichever part is stored`, async () => {
    const {machine} = await make()
    const log = new Log()
    const key = (i: number) => `k${String((i * 7919) % 10_000).padStart(5, '0')}`
    await machine.apply(Array.from({length: 3000}, (_, i) => log.command(put(key(i), `old ${i}`))))
    await machine.flush()
    await machine.apply(
      Array.from({length: 1500}, (_, i) =>
        log.command(i % 3 === 0 ? remove(key(i * 2)) : put(key(i * 2), `new ${i}`)),
      ),
    )

    const paged: unknown[] = []
    for (let start = new Uint8Array(0); ; ) {
      const {items, next} = machine.range({start, end: new Uint8Array(0), itemsMax: 97})
      paged.push(...shown(items))
      if (next === undefined) break
      start = Uint8Array.from(next)
    }

    const whole = shown(machine.range(ALL).items)
    expect(paged).toEqual(whole)
    expect(whole.length).toBe(2500)
    expect(whole.map(([k]) => k)).toEqual(whole.map(([k]) => k).sort())
  })

  test(`${name}: what was flushed survives a crash, and the log continues there`, async () => {
    const subject = await make()
    const log = new Log()
    await subject.machine.apply([
      log.membership(),
      log.command(openSession()),
      log.command(put('a', '1', {session: inSession(2, 1)})),
    ])
    await subject.machine.flush()
    expect(subject.machine.durableIndex).toBe(3)
    const durable = await contentOf(subject.machine)
    const lost = log.command(put('a', '2'))
    await subject.machine.apply([lost])

    const machine = await subject.crash()

    expect(machine.appliedIndex).toBe(3)
    expect(machine.durableIndex).toBe(3)
    expect(machine.membership.index).toBe(1)
    expect(sha256(await contentOf(machine))).toBe(sha256(durable))
    const results = await machine.apply([
      lost,
      log.command(put('a', '1', {session: inSession(2, 1)})),
    ])
    expect(results).toEqual([
      {kind: 'put', version: 4, previousVersion: 3},
      {kind: 'put', version: 3, previousVersion: 0},
    ])
  })

  test(`${name}: a snapshot shows the state of its index while writes go on`, async () => {
    const {machine} = await make()
    const log = new Log(1, 5)
    await machine.apply([log.membership(), log.command(openSession())])
    await machine.apply(
      Array.from({length: 500}, (_, i) => log.command(put(`k${i}`, 'x'.repeat(2000)))),
    )
    const expected = await contentOf(machine)

    const snapshot = machine.snapshot()
    const chunks: Uint8Array[] = []
    for await (const chunk of snapshot.content) {
      chunks.push(Uint8Array.from(chunk))
      await machine.apply([
        log.command(put('k1', 'changed')),
        log.command(put(`new${chunks.length}`, 'new')),
        log.command(remove('k499')),
        log.command(openSession()),
      ])
      await machine.flush()
    }
    snapshot.close()

    expect(snapshot.meta).toEqual({index: 502, term: 5, membership: membershipOf(1)})
    expect(sha256(Buffer.concat(chunks))).toBe(sha256(expected))
    expect(chunks.length).toBeGreaterThan(10)
    expect(Math.max(...chunks.map(({length}) => length))).toBeLessThanOrEqual(256 * 1024)
  })

  test(`${name}: restore replaces the whole state, and is durable`, async () => {
    const source = await make()
    const log = new Log(1, 4)
    await source.machine.apply([
      log.membership('source'),
      log.command(openSession()),
      log.command(put('a', '1', {session: inSession(2, 1)})),
      log.command(put('big', 'y'.repeat(700_000))),
      log.command(put('empty', '')),
    ])
    const content = await contentOf(source.machine)
    const {meta} = source.machine.snapshot()
    const target = await make()
    await target.machine.apply([new Log().command(put('other', '1'))])

    await target.machine.restore(meta, chunksOf(content, 1009))
    const restored = await contentOf(target.machine)
    const machine = await target.crash()

    expect(sha256(restored)).toBe(sha256(content))
    expect(sha256(await contentOf(machine))).toBe(sha256(content))
    expect(machine.appliedIndex).toBe(5)
    expect(machine.durableIndex).toBe(5)
    expect(machine.appliedTerm).toBe(4)
    expect(machine.membership).toEqual(membershipOf(1, 'source'))
    expect(machine.membershipHistory()).toEqual(source.machine.membershipHistory())
    expect(machine.get(bytes('other'))).toBeUndefined()
    expect(await applyOne(machine, log.command(put('b', '2')))).toEqual({
      kind: 'put',
      version: 6,
      previousVersion: 0,
    })
    expect(await applyOne(machine, log.command(put('a', '1', {session: inSession(2, 1)})))).toEqual(
      {kind: 'put', version: 3, previousVersion: 0},
    )
  })

  test(`${name}: damaged content is refused and the state stays as it was`, async () => {
    const {machine} = await make()
    const log = new Log()
    await machine.apply([log.command(put('a', '1')), log.command(put('b', '2'))])
    const content = await contentOf(machine)
    const meta = {index: logIndex(9), term: term(9), membership: membershipOf(1)}
    const damages: Record<string, Uint8Array> = {
      empty: new Uint8Array(0),
      'another magic': Buffer.concat([Buffer.from('NOTSTATE'), content.subarray(8)]),
      'a byte after the end': Buffer.concat([content, Buffer.from([0])]),
      'a record missing': Buffer.concat([content.subarray(0, 16), content.subarray(33)]),
    }
    for (let length = 1; length < content.length; length += 5) {
      damages[`cut at ${length}`] = content.subarray(0, length)
    }

    for (const [damage, damagedContent] of Object.entries(damages)) {
      await expect(
        machine.restore(meta, chunksOf(damagedContent, 7)),
        damage,
      ).rejects.toMatchObject({code: 'RAFTCTL_DATA_DAMAGED'})
    }

    expect(machine.appliedIndex).toBe(2)
    expect(sha256(await contentOf(machine))).toBe(sha256(content))
    expect(await applyOne(machine, log.command(put('a', '3')))).toMatchObject({version: 3})
  })

  test(`${name}: the limits of key and value can be used in full`, async () => {
    const {machine} = await make()
    const log = new Log()
    const key = new Uint8Array(1024).fill(255)
    const value = new Uint8Array(1024 * 1024).fill(7)
    const data = encodeCommand({
      op: 'put',
      key,
      value,
      session: undefined,
      expectedVersion: undefined,
    })

    await machine.apply([log.command(data)])
    await machine.flush()

    expect(machine.get(key)?.value.length).toBe(value.length)
    expect(Buffer.compare(machine.get(key)!.value, value)).toBe(0)
    expect(machine.range(ALL).items).toHaveLength(1)
  })
}
