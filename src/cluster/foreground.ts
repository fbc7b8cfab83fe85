/** A whole local cluster within this process, until it is told to end. */
import type {LocalInit, LocalInitialised} from './local-cluster.js'
import {makeLocalCluster} from './local-cluster.js'
import {withProcess} from './nodes.js'
import {ownProcess} from './processes.js'
import type {LocalCluster} from './registry.js'
import {nodeDataPath, updateCluster, writeCluster} from './registry.js'
import {ensureSecrets, type NodeSecrets, nodeSecrets} from './secrets.js'

/** One node within this process; what src/daemon.ts offers. */
export interface EmbeddedNode {
  /** Rejects with what stopped the node. */
  readonly done: Promise<void>
  stop(): Promise<void>
}

export type StartEmbedded = (node: {
  readonly name: string
  readonly dataDir: string
  readonly listen: string
  readonly security: NodeSecrets
}) => Promise<EmbeddedNode>

export interface ForegroundCluster extends LocalInitialised {
  /** Rejects as soon as one of the nodes stops by a failure of its own. */
  readonly failed: Promise<never>
  /** Stops all nodes; the data stays, and `cluster start` goes on with it. */
  stop(): Promise<void>
}

/** Like `initLocalCluster`; nodes that were started are stopped when something fails. */
export async function runForeground(
  init: LocalInit,
  startEmbedded: StartEmbedded,
): Promise<ForegroundCluster> {
  const running: EmbeddedNode[] = []
  const stopAll = async () => {
    await Promise.allSettled(running.map(node => node.stop()))
    running.length = 0
  }
  const start = async (planned: LocalCluster): Promise<LocalCluster> => {
    await stopAll()
    await ensureSecrets(planned.directory)
    const security = nodeSecrets(planned.directory)
    const own = await ownProcess()
    let cluster = planned
    for (const node of planned.nodes) {
      const dataDir = nodeDataPath(planned.directory, node.name)
      running.push(await startEmbedded({name: node.name, dataDir, listen: node.address, security}))
      cluster = withProcess(cluster, node.name, own)
    }
    await writeCluster(cluster)
    return cluster
  }

  const made = await makeLocalCluster(init, start, stopAll)
  const failed = new Promise<never>((_, reject) => {
    for (const node of running) node.done.catch(reject)
  })
  // Looked at later; a failure until then must not count as unhandled.
  failed.catch(() => {})
  return {
    ...made,
    failed,
    stop: async () => {
      await stopAll()
      await updateCluster(made.cluster.directory, cluster => ({
        ...cluster,
        nodes: cluster.nodes.map(node => ({...node, process: undefined})),
      }))
    },
  }
}
