import type {ClusterClient} from '../client/cluster-client.js'
import type {NodeStatus} from '../client/types.js'

export interface TimedStatus {
  readonly node: NodeStatus
  /** Its clock minus ours, give or take `uncertaintyMs`. */
  readonly skewMs: number
  readonly uncertaintyMs: number
}

/** One node's own view, and how its clock stands to ours. */
export async function timedStatus(
  client: ClusterClient,
  address: string,
  timeoutMs?: number,
): Promise<TimedStatus> {
  const startMs = Date.now()
  const start = performance.now()
  const node = await client.nodeStatus(address, timeoutMs)
  const uncertaintyMs = (performance.now() - start) / 2
  return {node, skewMs: Date.parse(node.time) - (startMs + uncertaintyMs), uncertaintyMs}
}
