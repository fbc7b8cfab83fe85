import {appendFile, mkdir, readFile, stat} from 'node:fs/promises'
import {join} from 'node:path'
import {expect, test} from 'vitest'
import {nodeLogFile} from '../../src/cli/node-log.js'
import {logLines} from '../../src/cluster/node-log-lines.js'
import {temporaryDirectory} from '../support/temporary.js'

const MEBI = 1024 * 1024

async function collect(lines: AsyncIterable<string>) {
  const found: string[] = []
  for await (const line of lines) found.push(line)
  return found
}

const never = new AbortController().signal
const numberIn = (line: string) => (JSON.parse(line) as {n: number}).n

test('a log file stays within its bound, and loses the oldest lines only', async () => {
  const path = join(await temporaryDirectory(), 'node.log')
  const log = nodeLogFile(path)
  const text = 'x'.repeat(1000)
  const total = 20_000

  for (let n = 0; n < total; n++) log({level: 'info', event: 'e', n, text})

  const sizes = [(await stat(path)).size, (await stat(`${path}.1`)).size]
  expect(Math.max(...sizes)).toBeLessThan(8 * MEBI + 2000)
  const lines = (await readFile(`${path}.1`, 'utf8')) + (await readFile(path, 'utf8'))
  const numbers = lines.trimEnd().split('\n').map(numberIn)
  expect(numbers.at(-1)).toBe(total - 1)
  expect(numbers).toEqual(numbers.map((_, i) => numbers[0]! + i))
})

test('a log file whose full content can not be kept stays within its bound, too', async () => {
  const path = join(await temporaryDirectory(), 'node.log')
  await mkdir(`${path}.1`)
  const log = nodeLogFile(path)
  const text = 'x'.repeat(MEBI)

  for (let n = 0; n < 20; n++) log({level: 'info', event: 'e', n, text})

  expect((await stat(path)).size).toBeLessThan(9 * MEBI)
  expect(numberIn((await readFile(path, 'utf8')).trimEnd().split('\n').at(-1)!)).toBe(19)
})

test('what others write to the same file is kept with it', async () => {
  const path = join(await temporaryDirectory(), 'node.log')
  const log = nodeLogFile(path)

  log({level: 'info', event: 'one'})
  await appendFile(path, 'a stack trace\n')
  log({level: 'info', event: 'two'})

  const lines = await collect(logLines(path, {lines: 10, follow: false, signal: never}))
  expect(lines).toHaveLength(3)
  expect(lines[1]).toBe('a stack trace')
})

test('the last lines reach back into the file before', async () => {
  const path = join(await temporaryDirectory(), 'node.log')
  const log = nodeLogFile(path)
  const text = 'x'.repeat(MEBI)
  for (let n = 0; n < 10; n++) log({level: 'info', event: 'e', n, text})

  const lines = await collect(logLines(path, {lines: 5, follow: false, signal: never}))

  expect(lines.map(numberIn)).toEqual([5, 6, 7, 8, 9])
})

test('following goes on where the log begins anew, line by line and whole', async () => {
  const path = join(await temporaryDirectory(), 'node.log')
  const log = nodeLogFile(path)
  log({level: 'info', event: 'e', n: 0})
  const text = 'x'.repeat(MEBI)
  const seen: number[] = []

  for await (const line of logLines(path, {lines: 5, follow: true, signal: never})) {
    seen.push(numberIn(line))
    if (seen.length > 20) break
    log({level: 'info', event: 'e', n: seen.length, text})
  }

  expect(seen).toEqual(Array.from({length: 21}, (_, i) => i))
})

test('a log that is not there has no lines', async () => {
  const path = join(await temporaryDirectory(), 'node.log')

  expect(await collect(logLines(path, {lines: 5, follow: false, signal: never}))).toEqual([])
})
