// raftctl bench on a real cluster: what it measures, and that nothing of it stays.
import {readFile} from 'node:fs/promises'
import {join} from 'node:path'
import {afterAll, beforeAll, expect, test} from 'vitest'
import type {Shell} from '../support/shell.js'
import {openShell} from '../support/shell.js'

let shell: Shell

beforeAll(async () => {
  shell = await openShell()
  await shell.run(['init', '--nodes', '3', '--name', 'b', '--yes'])
}, 60_000)

afterAll(async () => {
  await shell.end()
})

for (const [flag, op] of [
  ['--writes', 'write'],
  ['--reads', 'read'],
] as const) {
  test(`${flag} are measured, and the keys are gone afterwards`, async () => {
    const load = ['--callers', '8', '--size-bytes', '100', '--duration', '500ms']
    const measured = await shell.run(['bench', flag, ...load, '--json'])

    expect([measured.status, measured.stderr]).toEqual([0, ''])
    const report = measured.json() as {
      answered: number
      histogram: {count: number}[]
      latency: Record<string, number>
    }
    expect(report).toMatchObject({
      kind: 'Bench',
      context: 'b',
      op,
      callers: 8,
      valueBytes: 100,
      failed: 0,
      failure: null,
      verdict: {limit: expect.any(String), reason: expect.any(String)},
    })
    expect(report.answered).toBeGreaterThan(8)
    expect(report.histogram.reduce((sum, {count}) => sum + count, 0)).toBe(report.answered)
    const {p50Ms, p90Ms, p99Ms, p999Ms, maxMs} = report.latency
    const rising = [p50Ms, p90Ms, p99Ms, p999Ms, maxMs] as number[]
    expect(rising).toEqual(rising.toSorted((a, b) => a - b))
    expect(await keys()).toEqual([])
  })
}

test('Ctrl-C ends it with 130, and no key stays', async () => {
  const interrupted = await shell.run(['bench', '--duration', '1h', '--json'], {
    onSpawn: pid => void whenKeysExist().then(() => process.kill(pid, 'SIGINT')),
  })

  expect(interrupted.status).toBe(130)
  expect(interrupted.failure()).toMatchObject({code: 'RAFTCTL_INTERRUPTED'})
  expect(interrupted.failure().message).toMatch(/^interrupted; \d+ keys are deleted again$/)
  expect(await keys()).toEqual([])
})

test('a cluster elsewhere is not put under load unasked', async () => {
  const home = join(shell.home, '.local', 'share', 'raftctl', 'clusters', 'b')
  const {nodes} = JSON.parse(await readFile(join(home, 'cluster.json'), 'utf8')) as {
    nodes: {address: string}[]
  }
  const there = ['--endpoint', nodes[0]!.address, '--token-file', join(home, 'token')]

  const refused = await shell.run(['bench', ...there, '--duration', '100ms', '--json'])
  const agreed = await shell.run(['bench', ...there, '--duration', '100ms', '--yes', '--json'])

  expect(refused.failure()).toMatchObject({code: 'RAFTCTL_USAGE', exit: 2})
  expect(agreed.json()).toMatchObject({kind: 'Bench', context: null})
})

async function keys(): Promise<unknown[]> {
  const scan = await shell.run([
    'kv',
    'scan',
    '--prefix',
    'raftctl-bench/',
    '--limit',
    '1',
    '--json',
  ])
  expect(scan.status).toBe(0)
  return scan.records()
}

async function whenKeysExist(): Promise<void> {
  const deadlineMs = performance.now() + 15_000
  while ((await keys()).length === 0) {
    if (performance.now() > deadlineMs) throw new Error('no key was ever written')
  }
}
