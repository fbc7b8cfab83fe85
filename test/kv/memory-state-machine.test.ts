import {MemoryStateMachine} from '../../src/sim/memory-state-machine.js'
import {stateMachineContract} from './state-machine.contract.js'

stateMachineContract('in memory', async () => {
  const machine = new MemoryStateMachine()
  return {
    machine,
    crash: async () => {
      machine.crash()
      return machine
    },
  }
})
