/**
 * Adding a member, in steps that can each be the last one before a crash:
 *
 *   look at the node ─▶ learner in the membership ─▶ node joins ─▶ leader hears it ─▶ promoted
 *
 * Running it again goes on where it stopped: the node's store id tells whether it is a member yet.
 */
import type {ClusterClient} from '../client/cluster-client.js'
import {deadlineAfter, pause, spell} from '../client/deadline.js'
import type {MemberStatus, NodeStatus} from '../client/types.js'
import {RaftctlError} from '../errors.js'
import type {CatchUp} from './catch-up.js'
import {type LedStatus, ledStatus, originOf} from './current-status.js'
import {changedTo, figuresOf, type MemberChange, unchanged, votersOf} from './member-change.js'
import {membershipMoved} from './prepared-change.js'
import {promoteMember} from './promote-member.js'
import {spellMember} from './resolve-member.js'
import {type TimedStatus, timedStatus} from './timed-status.js'
import {verifyMembership} from './verify-membership.js'

const LOOK_MS = 50
/** Between the clocks of a new member and of the leader. */
const SKEW_MS_MAX = 60_000
const ATTEMPTS = 5

export interface AddOptions {
  /** What it is in the end; a voter is a learner first. */
  readonly role: 'voter' | 'learner' | 'observer'
  /** undefined: what the node calls itself. */
  readonly name?: string | undefined
  /** How long catching up may take; undefined: no limit. */
  readonly waitMs?: number | undefined
  readonly onStep?: ((step: 'added' | 'joined' | 'seen', memberId: number) => void) | undefined
  /** Before a change is sent: from then on an interruption leaves something behind. */
  readonly onSend?: (() => void) | undefined
  /** Before a node with this store is written into the membership. */
  readonly onAdmit?: ((storeId: string) => void) | undefined
  readonly onProgress?: ((catchUp: CatchUp) => void) | undefined
  readonly reason?: string | undefined
  /** Of the membership that it is added to; undefined for any. RAFTCTL_COMPARE_FAILED. */
  readonly expectedIndex?: number | undefined
  /** A learner that the leader is to promote by itself once it has caught up. */
  readonly promoteWhenReady?: boolean | undefined
  /** The member that it is to stand in for, whose address and name it may have. */
  readonly replaces?: number | undefined
}

/**
 * Adds the node at `address`. RAFTCTL_UNREACHABLE when nothing of ours answers there,
 * RAFTCTL_OTHER_CLUSTER_DATA, RAFTCTL_MEMBER_REMOVED, RAFTCTL_REFUSED when address or name belong to
 * another member or its clock is far from the leader's; RAFTCTL_TIMED_OUT when the leader does not hear it, or it does not catch up.
 */
export async function addMember(
  client: ClusterClient,
  address: string,
  options: AddOptions,
): Promise<MemberChange> {
  const timed = await timedStatus(client, address)
  const {node} = timed
  const start = await ledStatus(client)
  checkNode(start, node, address, options.replaces)

  const before = memberOf(start, node)
  if (before === undefined) await checkClock(client, start, timed, address)
  const complete = before !== undefined && node.clusterId !== ''
  if (complete && (before.role === options.role || before.role === 'voter')) {
    const intends = options.promoteWhenReady === true && before.role === 'learner'
    if (!intends || before.promoteWhenReady) return unchanged(start, before)
    return intendPromotion(client, start, before, options)
  }
  const id = before?.id ?? (await admit(client, node, options))
  options.onStep?.('added', id)
  if (node.clusterId === '') await join(client, address, start.clusterId, id, node.storeId)
  options.onStep?.('joined', id)
  await untilSeen(client, id, address)
  options.onStep?.('seen', id)

  if (options.role === 'voter') {
    const change = await promoteMember(client, String(id), {...options, wait: true})
    return {...change, changed: true, before: figuresOf(votersOf(start))}
  }
  const leader = await client.leaderStatus()
  const record = leader.membership.members.find(member => member.id === id)
  const verification = await verifyMembership(client, leader.membership)
  const member = {id, name: record?.name ?? '', address: record?.address ?? address}
  return changedTo(start, {...member, role: options.role}, leader.membership, verification)
}

/** A learner that is there already: the leader is to promote it once it has caught up. */
async function intendPromotion(
  client: ClusterClient,
  start: LedStatus,
  learner: MemberStatus,
  {reason = '', expectedIndex = start.membershipIndex, onSend}: AddOptions,
): Promise<MemberChange> {
  onSend?.()
  const {after} = await client.changeMembership(
    {kind: 'promote', id: learner.id, whenReady: true},
    {expectedIndex, origin: originOf(reason)},
  )
  // A learner that is caught up already is promoted at once.
  const role = after.voters.includes(learner.id) ? 'voter' : 'learner'
  return changedTo(start, {...learner, role}, after, await verifyMembership(client, after))
}

/** The member that this node is, by its disk. */
function memberOf(status: LedStatus, {storeId}: NodeStatus): MemberStatus | undefined {
  return status.members.find(member => member.storeId === storeId)
}

function checkNode(
  status: LedStatus,
  node: NodeStatus,
  address: string,
  replaces: number | undefined,
): void {
  const {clusterId, storeId, raftRole} = node
  if (clusterId !== '' && clusterId !== status.clusterId) {
    throw new RaftctlError(
      'RAFTCTL_OTHER_CLUSTER_DATA',
      `the node at ${address} belongs to cluster ${clusterId}`,
      {hint: 'Start it on an empty data directory, or name another node.', details: {clusterId}},
    )
  }
  if (memberOf(status, node) !== undefined) return
  if (raftRole === 'removed' || clusterId !== '') {
    throw new RaftctlError(
      'RAFTCTL_MEMBER_REMOVED',
      `the node at ${address} was member ${node.nodeId} and is one no longer`,
      {hint: 'Start it on an empty data directory to add it anew.', details: {storeId}},
    )
  }
  const holder = status.members.find(
    member =>
      member.id !== replaces && (member.address === node.address || member.address === address),
  )
  if (holder !== undefined) {
    throw new RaftctlError(
      'RAFTCTL_REFUSED',
      `${spellMember(holder)} has the address ${holder.address}, on another data directory`,
      {
        hint: `Put this node in its place with "raftctl member replace ${holder.id} ${address}", or use another address.`,
        details: {rule: 'address', memberId: holder.id},
      },
    )
  }
}

/** Raft does not go by clocks; what its members log and whom they trust does. */
async function checkClock(
  client: ClusterClient,
  {leaderAddress}: LedStatus,
  timed: TimedStatus,
  address: string,
): Promise<void> {
  if (leaderAddress === null) return
  const leader = await timedStatus(client, leaderAddress)
  const skewMs = timed.skewMs - leader.skewMs
  const sureMs = Math.abs(skewMs) - timed.uncertaintyMs - leader.uncertaintyMs
  if (sureMs <= SKEW_MS_MAX) return
  const how = `${spell(Math.abs(skewMs))} ${skewMs > 0 ? 'ahead of' : 'behind'}`
  throw new RaftctlError(
    'RAFTCTL_REFUSED',
    `the clock of the node at ${address} is ${how} the leader's`,
    {
      hint: 'Set its clock (NTP), then run the same command again.',
      details: {rule: 'clock', skewMs: Math.round(skewMs)},
    },
  )
}

/** Writes the node into the membership; answers the id drawn for it. */
async function admit(
  client: ClusterClient,
  node: NodeStatus,
  options: AddOptions,
): Promise<number> {
  const {name = node.name, role, reason = '', onSend, replaces, expectedIndex} = options
  for (let attempt = 1; ; attempt++) {
    const status = await ledStatus(client)
    const known = memberOf(status, node)
    if (known !== undefined) return known.id
    if (expectedIndex !== undefined && status.membershipIndex !== expectedIndex) {
      throw membershipMoved(status.membershipIndex, expectedIndex)
    }
    checkName(status, name, replaces)
    onSend?.()
    options.onAdmit?.(node.storeId)
    try {
      const {memberId, after} = await client.changeMembership(
        {
          kind: 'add',
          address: node.address,
          name,
          storeId: node.storeId,
          role: role === 'observer' ? 'observer' : 'learner',
          promoteWhenReady: options.promoteWhenReady ?? false,
          replaces,
        },
        {expectedIndex: status.membershipIndex, origin: originOf(reason)},
      )
      const drawn = memberId ?? after.members.find(({storeId}) => storeId === node.storeId)?.id
      if (drawn !== undefined) return drawn
      throw new RaftctlError('RAFTCTL_UNEXPECTED', 'the leader named no id for the new member')
    } catch (error) {
      // Somebody else's change came between, or the answer was lost: look again what holds.
      const again = error instanceof RaftctlError && LOOK_AGAIN.has(error.code)
      if (!again || attempt === ATTEMPTS) throw error
    }
  }
}

const LOOK_AGAIN: ReadonlySet<string> = new Set([
  'RAFTCTL_COMPARE_FAILED',
  'RAFTCTL_CHANGE_IN_FLIGHT',
  'RAFTCTL_OUTCOME_UNKNOWN',
])

export function checkName(
  status: LedStatus,
  name: string,
  /** Whose name may be taken. */
  mine: number | undefined,
): void {
  if (name === '') return
  if (/^\d+$/.test(name)) {
    throw new RaftctlError('RAFTCTL_USAGE', `"${name}" can't be a name: it reads like an id`, {
      hint: 'A name has at least one character that is no digit.',
    })
  }
  const holder = status.members.find(({id, name: taken}) => taken === name && id !== mine)
  if (holder === undefined) return
  throw new RaftctlError('RAFTCTL_REFUSED', `member ${holder.id} is called "${name}" already`, {
    hint: 'Give another name with --name.',
    details: {rule: 'name', memberId: holder.id},
  })
}

async function join(
  client: ClusterClient,
  address: string,
  clusterId: string,
  nodeId: number,
  storeId: string,
): Promise<void> {
  try {
    await client.join(address, {clusterId, nodeId, storeId})
  } catch (error) {
    if (!(error instanceof RaftctlError) || error.code === 'RAFTCTL_INTERRUPTED') throw error
    throw new RaftctlError(
      error.code,
      `member ${nodeId} is in the membership, but its node did not join: ${error.message}`,
      {
        hint:
          error.code === 'RAFTCTL_WRONG_STORE'
            ? `The node was restarted meanwhile: run "raftctl member remove ${nodeId}" and add it again.`
            : `Run the same command again to go on, or "raftctl member remove ${nodeId}".`,
        details: {...error.details, memberId: nodeId},
        cause: error,
      },
    )
  }
}

/** Resolves when the leader hears the new member. */
async function untilSeen(client: ClusterClient, id: number, address: string): Promise<void> {
  const deadline = deadlineAfter(client.timeoutMs)
  for (;;) {
    const {progress} = await client.leaderStatus()
    const peer = progress.find(other => other.id === id)
    if (peer?.recentlyActive || (peer && peer.matchIndex > 0)) return
    if (deadline.expired()) {
      throw new RaftctlError(
        'RAFTCTL_TIMED_OUT',
        `the leader did not hear member ${id} within ${spell(deadline.timeoutMs)}`,
        {
          hint:
            `It stays a learner. Check that the leader can reach ${address}, then run ` +
            `"raftctl member promote ${id} --wait" to go on.`,
          details: {memberId: id, connection: peer?.connection ?? null},
        },
      )
    }
    await pause(LOOK_MS, client.signal)
  }
}
