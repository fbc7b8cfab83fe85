import {expect, test} from 'vitest'
import {type Layer, LayeredView} from '../../src/kv/layers.js'
import type {RecordPage, RecordReader, StateRecord} from '../../src/kv/records.js'
import {logIndex} from '../../src/raft/types.js'

const RECORD = new Uint8Array(10)

/** Counts the records that it gave. */
class Store implements RecordReader {
  given = 0
  readonly #keys: readonly string[]

  constructor(keys: readonly string[]) {
    this.#keys = keys
  }

  get(key: string) {
    return this.#keys.includes(key) ? RECORD : undefined
  }

  page(start: string, end: string, bytesMax: number, countMax: number): RecordPage {
    const records: StateRecord[] = []
    let bytes = 0
    for (const key of this.#keys.filter(each => each >= start && each < end)) {
      if (bytes > bytesMax || records.length >= countMax) return {records, more: true}
      records.push([key, RECORD])
      this.given++
      bytes += key.length + RECORD.length
    }
    return {records, more: false}
  }
}

function layer(records: Record<string, Uint8Array | undefined>): Layer {
  return {records: new Map(Object.entries(records)), bytes: 0, appliedIndex: logIndex(1)}
}

function keysOf(view: RecordReader, bytesMax: number): string[] {
  const keys: string[] = []
  for (let from = 'a'; ; from = `${keys.at(-1)}\0`) {
    const {records, more} = view.page(from, 'z', bytesMax, 100)
    keys.push(...records.map(([key]) => key))
    if (!more) return keys
  }
}

test.each([1, 12, 25, 1000])('pages of %i bytes hold every record once, in order', bytesMax => {
  const layers = [
    layer({b: RECORD, c: undefined, dd: RECORD}),
    layer({b: undefined, dd: new Uint8Array(30), y: RECORD}),
  ]
  const view = new LayeredView(new Store(['a', 'b', 'c', 'd', 'e']), layers, 'a', 'z')

  expect(keysOf(view, bytesMax)).toEqual(['a', 'd', 'dd', 'e', 'y'])
})

test('a page takes no more from the store than it gives', () => {
  const store = new Store([...'abcdefghij'])
  const view = new LayeredView(store, [], 'a', 'z')

  expect(keysOf(view, 20)).toHaveLength(10)

  expect(store.given).toBe(10)
})
