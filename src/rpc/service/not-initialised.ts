import {RaftctlError} from '../../errors.js'
import type {NodeHost, NodeRuntimeApi} from '../../node/api.js'

export function notInitialised(host: NodeHost): RaftctlError {
  return new RaftctlError(
    'RAFTCTL_NOT_INITIALISED',
    `the node at ${host.address} belongs to no cluster yet`,
    {
      hint: 'Run "raftctl init --endpoint …" for a new cluster, or "raftctl member add" to join one.',
    },
  )
}

/** Throws RAFTCTL_NOT_INITIALISED on a pristine node and RAFTCTL_MEMBER_REMOVED on a removed one. */
export function runtimeOf(host: NodeHost): NodeRuntimeApi {
  if (host.removed) {
    throw new RaftctlError(
      'RAFTCTL_MEMBER_REMOVED',
      `node ${host.identity?.nodeId} was removed from its cluster`,
      {hint: 'Ask another member; this node can be stopped and its data directory deleted.'},
    )
  }
  if (host.runtime === undefined) throw notInitialised(host)
  return host.runtime
}
