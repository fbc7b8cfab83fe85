import type {ChildProcess} from 'node:child_process'
import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {expect, test} from 'vitest'
import {
  identify,
  isAlive,
  ownProcess,
  processIdentity,
  signalProcess,
  waitForExit,
} from '../../src/cluster/processes.js'

test('a running process is alive under its own start only', async () => {
  await withChild(async child => {
    const identity = (await processIdentity(child.pid!))!

    expect(await isAlive(identity)).toBe(true)
    expect(await isAlive({...identity, started: 'at another time'})).toBe(false)
  })
})

test('a process that only has the pid of ours is not signalled', async () => {
  await withChild(async child => {
    const signalled = await signalProcess({pid: child.pid!, started: 'at another time'}, 'SIGKILL')

    expect(signalled).toBe(false)
    expect(await processIdentity(child.pid!)).toBeDefined()
  })
})

test('a killed process is gone, though nobody has read its status yet', async () => {
  await withChild(async child => {
    const identity = (await processIdentity(child.pid!))!

    const signalled = await signalProcess(identity, 'SIGKILL')

    expect(signalled).toBe(true)
    expect(await waitForExit(identity, 5_000)).toBe(true)
    expect(await signalProcess(identity, 'SIGKILL')).toBe(false)
  })
})

test('waiting for a process that stays ends at its time', async () => {
  expect(await waitForExit(await ownProcess(), 30)).toBe(false)
})

for (const value of [
  null,
  3,
  {},
  {pid: 0, started: ''},
  {pid: 1, started: ''},
  {pid: -7, started: ''},
  {pid: '9', started: ''},
]) {
  test(`${JSON.stringify(value)} names no process`, () => {
    expect(identify(value)).toBeUndefined()
  })
}

async function withChild(use: (child: ChildProcess) => Promise<void>): Promise<void> {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], {stdio: 'ignore'})
  try {
    await once(child, 'spawn')
    await use(child)
  } finally {
    child.kill('SIGKILL')
  }
}
