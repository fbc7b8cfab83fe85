import {expect, test} from 'vitest'
import type {RecordManner, RecordView, Sink} from '../../src/cli/records.js'
import {writeRecords} from '../../src/cli/records.js'

interface Entry {
  index: number
  data: string
}

const view: RecordView<Entry> = {
  kind: 'LogEntry',
  columns: [
    {title: 'index', align: 'right', width: 6},
    {title: 'data', cut: true},
  ],
  row: entry => [entry.index, entry.data],
  json: entry => ({...entry}),
  id: entry => entry.index,
}

test('each record is one JSON object a line', async () => {
  const sink = collector()

  const count = await writeRecords(entries(2), view, manner({format: 'json'}), sink)

  expect(count).toBe(2)
  expect(sink.text).toBe(
    '{"apiVersion":"raftctl/v1","kind":"LogEntry","index":1,"data":"d1"}\n' +
      '{"apiVersion":"raftctl/v1","kind":"LogEntry","index":2,"data":"d2"}\n',
  )
})

test('in a pipe records are rows of tabs under a header', async () => {
  const sink = collector()

  await writeRecords(entries(2), view, manner({}), sink)

  expect(sink.text).toBe('index\tdata\n1\td1\n2\td2\n')
})

test('without records there is still the header, and no JSON', async () => {
  const rows = collector()
  const json = collector()

  await writeRecords(entries(0), view, manner({}), rows)
  await writeRecords(entries(0), view, manner({format: 'json'}), json)

  expect([rows.text, json.text]).toEqual(['index\tdata\n', ''])
})

test('-q prints ids', async () => {
  const sink = collector()

  await writeRecords(entries(3), view, manner({quiet: true}), sink)

  expect(sink.text).toBe('1\n2\n3\n')
})

test('a reader that goes away ends the source, quietly', async () => {
  let produced = 0
  let ended = false
  async function* endless() {
    try {
      for (;;) yield {index: ++produced, data: 'x'.repeat(1_000)}
    } finally {
      ended = true
    }
  }
  const sink = collector({closesAfter: 2})

  await writeRecords(endless(), view, manner({format: 'json'}), sink)

  expect(ended).toBe(true)
  expect(produced).toBeLessThan(1_000)
})

test('a reader that goes away ends a source that waits for what may never come', async () => {
  async function* idle() {
    yield {index: 1, data: 'a'}
    await new Promise(() => {})
  }

  const count = await writeRecords(idle(), view, manner({}), collector({closesAfter: 0}))

  expect(count).toBe(1)
})

test('what came before a failure is written, and the failure is thrown', async () => {
  async function* failing() {
    yield {index: 1, data: 'a'}
    throw new Error('overtaken')
  }
  const sink = collector()

  const writing = writeRecords(failing(), view, manner({}), sink)

  await expect(writing).rejects.toThrow('overtaken')
  expect(sink.text).toBe('index\tdata\n1\ta\n')
})

test('a source that fails at once prints nothing, not even a header', async () => {
  // biome-ignore lint/correctness/useYield: it is there to fail
  async function* failing(): AsyncGenerator<Entry> {
    throw new Error('unreachable')
  }
  const sink = collector()

  await expect(writeRecords(failing(), view, manner({}), sink)).rejects.toThrow('unreachable')

  expect(sink.text).toBe('')
})

test('a slow reader holds the source back', async () => {
  let produced = 0
  async function* many() {
    for (let i = 0; i < 1_000; i += 1) yield {index: ++produced, data: 'x'.repeat(1_000)}
  }
  const releases: (() => void)[] = []
  const sink: Sink = {
    write: () => new Promise(resolve => releases.push(() => resolve(true))),
  }

  const writing = writeRecords(many(), view, manner({format: 'json'}), sink)
  await expect.poll(() => releases.length).toBe(1)
  const producedMeanwhile = produced
  const release = setInterval(() => {
    for (const go of releases.splice(0)) go()
  }, 1)
  const count = await writing.finally(() => clearInterval(release))

  expect(producedMeanwhile).toBeLessThan(200)
  expect(count).toBe(1_000)
})

async function* entries(count: number): AsyncGenerator<Entry> {
  for (let index = 1; index <= count; index += 1) yield {index, data: `d${index}`}
}

function collector({closesAfter = Number.POSITIVE_INFINITY} = {}) {
  let writes = 0
  return {
    text: '',
    async write(text: string) {
      writes += 1
      this.text += text
      return writes < closesAfter
    },
  }
}

function manner(part: Partial<RecordManner>): RecordManner {
  return {
    format: 'table',
    quiet: false,
    terminal: {
      drawsTables: false,
      showsProgress: false,
      movesCursor: false,
      drawsScreens: false,
      asks: false,
      columns: 80,
      colour: false,
    },
    ...part,
  }
}
