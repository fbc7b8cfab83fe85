import type {ClusterClient} from '../client/cluster-client.js'
import type {Sample, WatchMetrics} from '../client/types.js'
import {ledStatus} from './current-status.js'
import {memberAddress} from './resolve-member.js'

export interface WatchOptions extends WatchMetrics {
  /** Whose figures; undefined: those of the member that leads now. */
  readonly member?: string | undefined
  /** undefined: until interrupted. */
  readonly count?: number | undefined
}

export async function* watchMetrics(
  client: ClusterClient,
  {member, count = Number.POSITIVE_INFINITY, ...watch}: WatchOptions,
): AsyncGenerator<Sample> {
  const address = (await memberAddress(client, member)) ?? (await ledStatus(client)).leaderAddress!
  let seen = 0
  for await (const sample of client.watchMetrics(address, watch)) {
    yield sample
    seen += 1
    if (seen >= count) return
  }
}
