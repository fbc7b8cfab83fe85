import {cp} from 'node:fs/promises'
import {join} from 'node:path'
import {onTestFinished} from 'vitest'
import {LmdbStateMachine} from '../../src/kv/lmdb-state-machine.js'
import {temporaryDirectory} from './fixtures.js'
import {stateMachineContract} from './state-machine.contract.js'

stateMachineContract('on LMDB', async () => {
  const directory = await temporaryDirectory()
  const machine = await LmdbStateMachine.open(join(directory, 'state'))
  onTestFinished(() => machine.close())
  return {
    machine,
    // A copy of the files as they are is what a crash would leave of them.
    crash: async () => {
      await cp(join(directory, 'state'), join(directory, 'left'), {recursive: true})
      const left = await LmdbStateMachine.open(join(directory, 'left'))
      onTestFinished(() => left.close())
      return left
    },
  }
})
