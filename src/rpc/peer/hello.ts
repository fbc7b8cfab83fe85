/**
 * Who may exchange messages. Each side shows cluster, id, store and process before anything else is
 * said, and each side refuses by name what does not fit; a stranger is never half-listened to.
 */
import {RaftctlError} from '../../errors.js'
import type {NodeHost} from '../../node/api.js'
import type {Member} from '../../raft/membership.js'
import type {NodeId} from '../../raft/types.js'
import {
  identityFromWire,
  identityToWire,
  malformed,
  toSafeNumber,
  toWireNumber,
  type WireIdentity,
} from '../codec.js'
import type {PeerHello} from '../gen/raftctl/v1/peer.js'

/** What a node knows that an identity can be checked against. */
export interface Acquaintance {
  readonly host: NodeHost
  memberOf(id: NodeId): Member | undefined
  /** The process behind the streams that are open with this node now. */
  liveNonceOf(id: NodeId): string | undefined
}

/** undefined on a pristine node, which has no identity to show. */
export function ownIdentity(host: NodeHost): WireIdentity | undefined {
  const {identity, processNonce, address} = host
  return identity && {...identity, processNonce, address}
}

export function helloTo(self: WireIdentity, to: {id: NodeId; storeId: string}): PeerHello {
  return {from: identityToWire(self), toNodeId: toWireNumber(to.id), toStoreId: to.storeId}
}

/**
 * Checks whoever opens a stream towards us; answers its identity. RAFTCTL_BLANK_DATA,
 * RAFTCTL_MEMBER_REMOVED, RAFTCTL_WRONG_CLUSTER, RAFTCTL_WRONG_STORE, RAFTCTL_USAGE. One that our
 * membership does not know is let in: our membership may be the older one, and Raft decides.
 */
export function checkOpener(hello: PeerHello, us: Acquaintance): WireIdentity {
  const from = identityFromWire(hello.from)
  const self = ownIdentity(us.host)
  if (self === undefined) throw blankData(us.host, toSafeNumber(hello.toNodeId))
  if (us.host.removed) {
    throw new RaftctlError('RAFTCTL_MEMBER_REMOVED', `node ${self.nodeId} was removed`)
  }
  checkCluster(from, self)
  checkAddressee(hello, self)
  checkPeer(from, us)
  return from
}

/** Checks who answers at a member's address; `member` is whom we meant. */
export function checkAnswerer(hello: PeerHello, member: Member, us: Acquaintance): WireIdentity {
  const from = identityFromWire(hello.from)
  const self = ownIdentity(us.host)
  if (self === undefined) throw malformed('a node without identity opened a stream')
  checkCluster(from, self)
  checkAddressee(hello, self)
  if (from.nodeId !== member.id) {
    throw wrongStore(`node ${from.nodeId} answers at ${member.address}, not node ${member.id}`)
  }
  checkPeer(from, us, member)
  return from
}

function checkCluster(from: WireIdentity, self: WireIdentity): void {
  if (from.clusterId === self.clusterId) return
  throw new RaftctlError(
    'RAFTCTL_WRONG_CLUSTER',
    `node ${from.nodeId} at ${from.address} belongs to cluster ${from.clusterId}, ` +
      `node ${self.nodeId} to cluster ${self.clusterId}`,
    {hint: 'One of the two addresses is used by another cluster: check both.'},
  )
}

function checkAddressee(hello: PeerHello, self: WireIdentity): void {
  const meant = toSafeNumber(hello.toNodeId)
  if (meant !== self.nodeId) {
    throw wrongStore(`this is node ${self.nodeId}, not node ${meant}`, {nodeId: self.nodeId})
  }
  if (hello.toStoreId !== '' && hello.toStoreId !== self.storeId) {
    throw wrongStore(
      `node ${self.nodeId} is bound to store ${hello.toStoreId}, and this is ${self.storeId}`,
    )
  }
}

function checkPeer(from: WireIdentity, us: Acquaintance, member = us.memberOf(from.nodeId)): void {
  const {host} = us
  if (from.nodeId === host.identity?.nodeId) {
    throw wrongStore(
      from.processNonce === host.processNonce
        ? `node ${from.nodeId} has reached itself at ${host.address}`
        : `two processes run as node ${from.nodeId}: at ${host.address} and at ${from.address}`,
    )
  }
  // An empty store id is a membership of before the store was known: it binds nothing.
  if (member !== undefined && member.storeId !== '' && member.storeId !== from.storeId) {
    throw wrongStore(
      `node ${from.nodeId} is bound to store ${member.storeId}, and ${from.address} has ` +
        `${from.storeId}`,
    )
  }
  const live = us.liveNonceOf(from.nodeId)
  if (live !== undefined && live !== from.processNonce) {
    throw wrongStore(`two processes run as node ${from.nodeId}; the second is at ${from.address}`)
  }
}

function wrongStore(why: string, details?: Record<string, unknown>): RaftctlError {
  return new RaftctlError('RAFTCTL_WRONG_STORE', why, {
    hint: 'Check the addresses, and that each node runs once and on its own data directory.',
    details,
  })
}

function blankData(host: NodeHost, meant: number): RaftctlError {
  return new RaftctlError(
    'RAFTCTL_BLANK_DATA',
    `the node at ${host.address} has an empty data directory: it is not node ${meant}`,
    {
      hint: `Start it on its own data directory, or run "raftctl member replace ${meant}".`,
      details: {nodeId: meant},
    },
  )
}
