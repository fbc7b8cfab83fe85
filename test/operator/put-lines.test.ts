import {afterEach, expect, test} from 'vitest'
import {ClusterClient} from '../../src/client/cluster-client.js'
import {RaftctlError} from '../../src/errors.js'
import {parseLine, putLines, splitLines} from '../../src/operator/put-lines.js'
import {type FakeCluster, startFakes} from '../client/fake-cluster.js'

const cleanups: (() => void)[] = []

afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

async function started(): Promise<{cluster: FakeCluster; client: ClusterClient}> {
  const cluster = await startFakes(1)
  const client = new ClusterClient({endpoints: cluster.addresses, timeoutMs: 2000})
  cleanups.push(
    () => client.close(),
    () => cluster.stop(),
  )
  return {cluster, client}
}

async function* chunks(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text)
}

async function linesOf(input: AsyncIterable<Uint8Array>): Promise<string[]> {
  const lines: string[] = []
  for await (const line of splitLines(input)) lines.push(line.toString())
  return lines
}

test('lines are found wherever the chunks are cut, and the last one needs no end', async () => {
  expect(await linesOf(chunks('a 1\nb', ' 2', '\n', '\nc 3'))).toEqual(['a 1', 'b 2', '', 'c 3'])
})

test('the value is the rest of the line, blanks and all', () => {
  const {key, value} = parseLine(Buffer.from('k  a b '), 1)

  expect([key.toString(), value.toString()]).toEqual(['k', ' a b '])
})

test('a line of kv scan --json is understood, bytes that are no text too', () => {
  const line = {
    kind: 'KeyValue',
    key: 'a b',
    keyEncoding: 'utf8',
    value: '/w==',
    valueEncoding: 'base64',
  }

  const {key, value} = parseLine(Buffer.from(JSON.stringify(line)), 1)

  expect([key.toString(), [...value]]).toEqual(['a b', [255]])
})

test('a key that merely begins with a brace is a key', () => {
  expect(parseLine(Buffer.from('{x} 1'), 1).key.toString()).toBe('{x}')
})

for (const [text, said] of [
  ['word', 'line 7 has no value'],
  [' word', 'line 7 has no key'],
] as const) {
  test(`"${text}" is wrong usage, with the number of its line`, () => {
    expect(() => parseLine(Buffer.from(text), 7)).toThrow(said)
  })
}

test('every line is written and counted', async () => {
  const {cluster, client} = await started()
  const text = Array.from({length: 3000}, (_, i) => `k${i} v${i}\n`).join('')

  const summary = await putLines(client, chunks(text))

  expect(summary).toMatchObject({
    acknowledged: 3000,
    failed: 0,
    unknown: 0,
    firstFailedLine: null,
    failure: null,
  })
  expect(cluster.state.values.get('k2999')?.value).toBe('v2999')
})

test('a refused line is named, and those before it are acknowledged', async () => {
  const {cluster, client} = await started()
  cluster.nodes[0]!.beforePut = request =>
    request.key.toString() === 'bad' ? new RaftctlError('RAFTCTL_TOO_LARGE', 'too large') : 'apply'

  const summary = await putLines(client, chunks('a 1\nb 2\nbad 3\n'))

  expect(summary).toMatchObject({acknowledged: 2, failed: 1, unknown: 0, firstFailedLine: 3})
  expect(summary.failure).toMatchObject({
    code: 'RAFTCTL_TOO_LARGE',
    message: 'too large; 2 lines were acknowledged, line 3 is the first that was not',
  })
})

test('a malformed line ends the reading with what came before it written', async () => {
  const {cluster, client} = await started()

  const summary = await putLines(client, chunks('a 1\nnonsense\nc 3\n'))

  expect(summary).toMatchObject({acknowledged: 1, failed: 1, firstFailedLine: 2})
  expect(summary.failure?.code).toBe('RAFTCTL_USAGE')
  expect(cluster.state.applied).toEqual(['a'])
})
