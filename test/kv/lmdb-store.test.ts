import {expect, test} from 'vitest'
import {LmdbStore} from '../../src/kv/lmdb-store.js'
import {PageMemory, type RecordPage} from '../../src/kv/records.js'
import {temporaryDirectory} from '../support/temporary.js'

// Beyond what lmdb's own buffer has at first, and beyond the memory of a page.
const SIZES = [0, 1, 100, 4096, 5000, 70_000, 200_000]
const MEMORY_BYTES = 64 * 1024

const keyOf = (i: number) => `k${i}`

async function filled() {
  const store = LmdbStore.open(await temporaryDirectory())
  const records = SIZES.map((size, i) => [keyOf(i), new Uint8Array(size).fill(i + 1)] as const)
  await store.write(new Map(records))
  return {store, records}
}

const copied = ({records, more}: RecordPage) => ({
  more,
  records: records.map(([key, record]) => [key, Uint8Array.from(record)]),
})

test('records of any size are read alike, alone, by the page and into the memory of a page', async () => {
  const {store, records} = await filled()
  const memory = new PageMemory(MEMORY_BYTES)
  const view = store.view()

  for (const reader of [store, view]) {
    for (const [key, record] of records) expect(reader.get(key)).toEqual(record)
    const plain = reader.page('k', 'l', 1e9, 100)
    for (let round = 0; round < 2; round++) {
      memory.clear()
      expect(copied(reader.page('k', 'l', 1e9, 100, memory))).toEqual({records, more: false})
    }
    expect(plain).toEqual({records, more: false})
  }

  view.close()
  await store.close()
})

test('a page of small records is read into one buffer, and what is read otherwise is not', async () => {
  const {store} = await filled()
  const memory = new PageMemory(MEMORY_BYTES)

  const {records} = store.page(keyOf(1), keyOf(5), 1e9, 100, memory)

  expect(new Set(records.map(([, record]) => record.buffer)).size).toBe(1)
  expect(store.get(keyOf(2))?.buffer).not.toBe(records[0]?.[1].buffer)
  await store.close()
})
