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

/** As text: comparing long arrays takes seconds. */
const told = ({records, more}: RecordPage) => ({
  more,
  records: records.map(([key, record]) => [key, Buffer.from(record).toString('latin1')]),
})

test('records of any size are read alike, alone, by the page and into the memory of a page', async () => {
  const {store, records} = await filled()
  const memory = new PageMemory(MEMORY_BYTES)
  const view = store.view()
  const all = told({records, more: false})

  for (const reader of [store, view]) {
    const alone = records.map(([key]) => [key, reader.get(key) ?? new Uint8Array()] as const)
    expect(told({records: alone, more: false})).toEqual(all)
    const plain = reader.page('k', 'l', 1e9, 100)
    for (let round = 0; round < 2; round++) {
      memory.clear()
      expect(told(reader.page('k', 'l', 1e9, 100, memory))).toEqual(all)
    }
    expect(told(plain)).toEqual(all)
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
