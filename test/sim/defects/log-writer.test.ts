import {expect, test} from 'vitest'
import {LogWriter} from '../../../src/node/log-writer.js'
import type {Clock} from '../../../src/node/ports.js'
import {logIndex, term} from '../../../src/raft/types.js'
import {MemoryLog} from '../../../src/storage/memory-log.js'
import {entry, readyWith} from '../../raft/support.js'

const clock: Clock = {
  nowMs: () => 0,
  wallMs: () => 0,
  every: () => () => {},
  soon: task => queueMicrotask(task),
}

class FailingLog extends MemoryLog {
  override append(): Promise<void> {
    return Promise.reject(new Error('no space left on device'))
  }
}

test('a write that fails is reported as such, and nothing after it as durable', async () => {
  const told: string[] = []
  const writer = new LogWriter(
    new FailingLog(),
    clock,
    readys => told.push(...readys.map(({number}) => `durable ${number}`)),
    error => told.push((error as Error).message),
  )
  const hardState = {term: term(1), votedFor: undefined, commitIndex: logIndex(0)}

  writer.submit(readyWith({number: 1, hardState, entries: [entry(1, 1)]}))
  writer.submit(readyWith({number: 2}))
  await writer.drained()

  expect(told).toEqual(['no space left on device'])
})
