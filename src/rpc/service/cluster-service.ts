import {RaftctlError} from '../../errors.js'
import type {AppliedMembership, NodeHost} from '../../node/api.js'
import {decodeEntry, entryData} from '../../raft/entry.js'
import {decodeMembership, encodeMembership, type Membership} from '../../raft/membership.js'
import {logIndex, type NodeId} from '../../raft/types.js'
import {
  malformed,
  membershipChangedToWire,
  membershipFromWire,
  membershipRequestFromWire,
  membershipToWire,
  nodeIdFromWire,
  optionalNodeIdFromWire,
  textFromWire,
  toWireNumber,
} from '../codec.js'
import {
  type ClusterServiceServer,
  ClusterServiceService,
  type JoinRequest,
} from '../gen/raftctl/v1/cluster.js'
import {type ServiceEntry, unary} from '../handler.js'
import {statusToWire} from '../node-status.js'
import type {PeerConnectionStatus} from '../peer/connection-status.js'
import {type ChannelSecurity, PLAIN_TEXT} from '../security.js'
import {initialise} from './initialise.js'
import {runtimeOf} from './not-initialised.js'

export interface ClusterServiceOptions {
  readonly host: NodeHost
  /** Of the peer transport; empty while there is none. */
  readonly connections: () => ReadonlyMap<NodeId, PeerConnectionStatus>
  /** Kept by the state machine, oldest first; empty on a pristine node. */
  readonly membershipHistory: () => readonly AppliedMembership[]
  /** Milliseconds of one tick of the core. */
  readonly tickMs: number
  /** For calls to other nodes; default plain text. */
  readonly security?: ChannelSecurity
}

export function clusterService(options: ClusterServiceOptions): ServiceEntry {
  const {host, tickMs, security = PLAIN_TEXT} = options
  // A node takes its place once: whoever comes second sees what the first has done.
  const oneAtATime = serialised()
  const handlers: ClusterServiceServer = {
    initialise: unary((request, call) =>
      oneAtATime(call, async () => {
        await initialise(host, request, security)
        const {clusterId, nodeId} = host.identity!
        return {clusterId, nodeId: toWireNumber(nodeId)}
      }),
    ),
    join: unary((request, call) => oneAtATime(call, () => join(host, request))),
    status: unary(async () =>
      statusToWire({host, connections: options.connections(), tickMs, nowMs: Date.now()}),
    ),
    changeMembership: unary(async request => {
      const runtime = runtimeOf(host)
      return membershipChangedToWire(
        await runtime.changeMembership(membershipRequestFromWire(request)),
      )
    }),
    transferLeadership: unary(async request => {
      const runtime = runtimeOf(host)
      const change = await runtime.transferLeadership(optionalNodeIdFromWire(request.target))
      return {
        from: toWireNumber(change.from),
        to: toWireNumber(change.to),
        term: toWireNumber(change.term),
      }
    }),
    membershipHistory: unary(async ({limit}) => {
      // Throws on a pristine node, which has none.
      runtimeOf(host)
      const history = options.membershipHistory()
      const changes = limit === 0 ? history : history.slice(-limit)
      return {
        changes: changes.map(({term, membership}) => ({
          term: toWireNumber(term),
          membership: membershipToWire(membership),
        })),
      }
    }),
  }
  return {definition: ClusterServiceService, handlers}
}

function serialised(): <T>(caller: {cancelled: boolean}, run: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return (caller, run) => {
    const mine = last.then(() => {
      // Who has given up waiting must not be surprised by a node that joins later.
      if (caller.cancelled) throw new RaftctlError('RAFTCTL_INTERRUPTED', 'the caller has gone')
      return run()
    })
    last = mine.catch(() => {})
    return mine
  }
}

async function join(host: NodeHost, request: JoinRequest): Promise<Record<string, never>> {
  const identity = {
    clusterId: textFromWire(request.clusterId, 'the cluster id'),
    nodeId: nodeIdFromWire(request.nodeId),
    storeId: textFromWire(request.storeId, 'the store id'),
  }
  const membership = membershipFromWire(request.membership)
  const self = membership.members.find(member => member.id === identity.nodeId)
  if (self === undefined || self.storeId !== identity.storeId) {
    throw malformed('the membership does not name the node that is to join')
  }
  const firstRecord = request.firstRecord.length === 0 ? undefined : request.firstRecord
  if (firstRecord !== undefined) checkFirstRecord(firstRecord, membership)
  const restores = request.restores.length === 0 ? undefined : request.restores.toString('hex')
  if (firstRecord !== undefined && restores !== undefined) {
    throw malformed('a cluster begins with a first record or with a snapshot')
  }

  if (host.identity !== undefined) {
    const restored = restores === undefined ? undefined : membership
    checkSameJoin(host, identity, {firstRecord, restored})
  } else {
    if (identity.storeId !== host.storeId) {
      throw new RaftctlError(
        'RAFTCTL_WRONG_STORE',
        `the node at ${host.address} was started anew: its store is ${host.storeId}, not ${identity.storeId}`,
        {hint: 'Repeat the command: it looks at the node again.'},
      )
    }
    await host.join({identity, membership, firstRecord, restores})
  }
  return {}
}

/** The first entry and the membership beside it must say the same, or the log would begin in doubt. */
function checkFirstRecord(record: Uint8Array, membership: Membership): void {
  const entry = decodeEntry(record)
  if (entry?.kind !== 'membership' || entry.index !== 1 || entry.term !== 1) {
    throw malformed('the first record is no first entry')
  }
  const carried = decodeMembership(entryData(entry), logIndex(1))
  if (
    carried === undefined ||
    Buffer.compare(encodeMembership(carried), encodeMembership(membership)) !== 0
  ) {
    throw malformed('the first record is not of the membership')
  }
}

/** What the log of a new member begins with; neither for one that joins a cluster at work. */
interface Beginning {
  readonly firstRecord: Uint8Array | undefined
  /** Of a cluster made from a snapshot. */
  readonly restored: Membership | undefined
}

/** Repeating a join is success; anything else than the same join is not. */
function checkSameJoin(
  host: NodeHost,
  asked: {clusterId: string; nodeId: NodeId; storeId: string},
  beginning: Beginning,
): void {
  const {identity} = host
  const same =
    identity?.clusterId === asked.clusterId &&
    identity.nodeId === asked.nodeId &&
    identity.storeId === asked.storeId
  if (same && begunWith(host, beginning)) return
  throw new RaftctlError(
    'RAFTCTL_NOT_PRISTINE',
    `the node at ${host.address} already is node ${identity?.nodeId} of cluster ${identity?.clusterId}`,
    {
      hint: 'Use an empty data directory for another place.',
      details: {address: host.address, clusterId: identity?.clusterId, nodeId: identity?.nodeId},
    },
  )
}

/** As far as the node can still tell: its log may begin later by now, its membership be another. */
function begunWith({runtime}: NodeHost, {firstRecord, restored}: Beginning): boolean {
  if (firstRecord !== undefined) {
    const range = runtime?.logEntriesRange(logIndex(1), logIndex(1), firstRecord.length)
    const held = range?.kind === 'entries' ? range.entries[0]?.record : undefined
    return held === undefined || Buffer.compare(held, firstRecord) === 0
  }
  const held = runtime?.status().membership
  if (restored === undefined || held?.index !== restored.index) return true
  return Buffer.compare(encodeMembership(held), encodeMembership(restored)) === 0
}
