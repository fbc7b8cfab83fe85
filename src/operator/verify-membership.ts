import type {ClusterClient} from '../client/cluster-client.js'
import {deadlineAfter, pause} from '../client/deadline.js'
import {hasQuorum} from '../client/quorum.js'
import type {ClusterStatus, MembershipView} from '../client/types.js'
import {RaftctlError} from '../errors.js'

const LOOK_MS = 50
/** How long members that answer may take to follow once a majority has the change. */
const FOLLOW_MS = 1000

export interface Verification {
  /** Members that have applied the change. */
  readonly verifiedBy: readonly number[]
  /** Members that could not be asked, or have not applied it yet. */
  readonly unverified: readonly number[]
}

/**
 * Reads a change back: resolves when the leader and a majority of the voters have applied it.
 * RAFTCTL_TIMED_OUT when that takes longer than the client's time; the change holds all the same.
 */
export async function verifyMembership(
  client: ClusterClient,
  after: MembershipView,
): Promise<Verification> {
  const deadline = deadlineAfter(client.timeoutMs)
  const follow = deadlineAfter(FOLLOW_MS)
  for (;;) {
    const status = await client.clusterStatus()
    const verified = status.members.filter(member => (member.membershipIndex ?? 0) >= after.index)
    const ids = verified.map(member => member.id)
    const verification = {
      verifiedBy: ids,
      unverified: status.members.map(member => member.id).filter(id => !ids.includes(id)),
    }
    const enough = isEnough(status, new Set(ids), after)
    const silent = status.members.filter(member => !member.reachable).length
    const all = ids.length + silent >= status.members.length
    if (enough && (all || follow.expired())) return verification
    if (!enough && deadline.expired()) {
      throw new RaftctlError(
        'RAFTCTL_TIMED_OUT',
        `the change is committed at index ${after.index}, but so far only ` +
          `${ids.length} members have it`,
        {hint: 'Run "raftctl status" to see who is behind.', details: {...verification}},
      )
    }
    await pause(LOOK_MS, client.signal)
  }
}

function isEnough(status: ClusterStatus, ids: ReadonlySet<number>, after: MembershipView): boolean {
  const leads = status.leaderId !== null && ids.has(status.leaderId)
  return leads && hasQuorum([after.voters, after.votersOutgoing], ids)
}
