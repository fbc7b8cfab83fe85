/**
 * Applies the workload in a loop until it is killed; says what is durable, a line each time. When a
 * write fails it says the code, closes, and ends with 3.
 */
import {writeSync} from 'node:fs'
import {RaftctlError} from '../../src/errors.js'
import {LmdbStateMachine} from '../../src/kv/lmdb-state-machine.js'
import {workloadEntry} from './workload.js'

const machine = await LmdbStateMachine.open(process.argv[2]!)
try {
  for (let reported = -1; ; ) {
    const next = machine.appliedIndex + 1
    await machine.apply(Array.from({length: 64}, (_, i) => workloadEntry(next + i)))
    if (next % 5 === 0) await machine.flush()
    if (machine.durableIndex > reported) {
      reported = machine.durableIndex
      writeSync(1, `${reported}\n`)
    }
    // LMDB says that it is done in a turn of the event loop.
    await new Promise(resolve => setImmediate(resolve))
  }
} catch (error) {
  writeSync(1, `${error instanceof RaftctlError ? error.code : String(error)}\n`)
  await machine.close()
  process.exitCode = 3
}
