/** What the shell uses of this room. */
export type {Destroyed} from './destroy.js'
export {clusterDirectory, destroyCluster} from './destroy.js'
export type {ForegroundCluster, StartEmbedded} from './foreground.js'
export {runForeground} from './foreground.js'
export type {LocalClusterState, LocalInit, LocalInitialised} from './local-cluster.js'
export {
  clusterState,
  initLocalCluster,
  listClusters,
  startCluster,
  stopCluster,
} from './local-cluster.js'
export {logLines} from './node-log-lines.js'
export type {NodeState} from './nodes.js'
export {
  discardNode,
  findNode,
  killNode,
  nodeStates,
  startNewNode,
  startNode,
  stopNode,
} from './nodes.js'
export {checkName, packageRoot, tilde} from './paths.js'
export type {LocalCluster, LocalNode} from './registry.js'
export {findLocalCluster, nodeLogPath} from './registry.js'
export {plannedDirectory} from './reserve.js'
export type {LocalRestore} from './restore.js'
export {restoreLocalCluster} from './restore.js'
export {clientSecurity} from './secrets.js'
