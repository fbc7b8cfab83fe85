/** A local cluster of one node, on data that somebody else puts there. */
import {RaftctlError} from '../errors.js'
import {destroyCluster} from './destroy.js'
import {type LocalInitialised, waitForLeader} from './local-cluster.js'
import {freeAddress, startProcesses} from './nodes.js'
import type {Environment} from './paths.js'
import {nodeDataPath, updateCluster} from './registry.js'
import {reserve} from './reserve.js'

export interface LocalRestore {
  readonly env: Environment
  readonly name: string
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
  readonly onStep?: (text: string) => void
  /** Fills the data directory of the node to be, and answers the id of its cluster. */
  readonly fill: (node: {dataDir: string; address: string; name: string}) => Promise<string>
}

const NODE = 'node-1'

/** Answers once the node leads. Whatever fails, an interruption included, leaves nothing behind. */
export async function restoreLocalCluster(restore: LocalRestore): Promise<LocalInitialised> {
  const {env, name, signal, onStep, fill} = restore
  const reserved = await reserve({env, name, dataDir: undefined})
  try {
    onStep?.('writing the data directory')
    let clusterId = ''
    const started = await updateCluster(reserved.directory, async cluster => {
      const address = await freeAddress([])
      clusterId = await fill({
        dataDir: nodeDataPath(cluster.directory, NODE),
        address,
        name: NODE,
      })
      signal?.throwIfAborted()
      const node = {name: NODE, address, process: undefined}
      onStep?.('starting the node')
      return startProcesses({...cluster, nodes: [node], nextNodeNumber: 2}, [node], {signal})
    })
    onStep?.('waiting until it leads')
    const status = await waitForLeader(started, {...restore, clusterId})
    const cluster = await updateCluster(started.directory, now => ({
      ...now,
      state: 'ready',
      maker: undefined,
      clusterId,
    }))
    return {cluster, status}
  } catch (error) {
    await destroyCluster(env, name)
    throw signal?.aborted ? interrupted(signal) : error
  }
}

function interrupted(signal: AbortSignal): unknown {
  return signal.reason ?? new RaftctlError('RAFTCTL_INTERRUPTED', 'interrupted')
}
