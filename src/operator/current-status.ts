import {hostname, userInfo} from 'node:os'
import type {ClusterClient} from '../client/cluster-client.js'
import type {ChangeOrigin, ClusterStatus} from '../client/types.js'

/** A cluster that has a leader: what every change starts from. */
export type LedStatus = ClusterStatus & {readonly leaderId: number}

/**
 * Waits for a leader within the client's time. RAFTCTL_NO_LEADER, RAFTCTL_NO_QUORUM,
 * RAFTCTL_UNREACHABLE.
 */
export async function ledStatus(client: ClusterClient): Promise<LedStatus> {
  for (;;) {
    const status = await client.clusterStatus()
    if (status.leaderId !== null) return {...status, leaderId: status.leaderId}
    // Rejects when none comes to lead in time.
    await client.leaderStatus()
  }
}

/** Who makes a change and from where (user@host), for `member history`. */
export function originOf(reason: string): ChangeOrigin {
  return {actor: `${userName()}@${hostname()}`, reason}
}

function userName(): string {
  try {
    return userInfo().username
  } catch {
    // A user id without an entry in the password file, as in containers.
    return process.env.USER ?? ''
  }
}
