import {MemoryLog} from '../../src/storage/memory-log.js'
import {describeDurableLog} from './durable-log.contract.js'

describeDurableLog('MemoryLog', async () => new MemoryLog())
