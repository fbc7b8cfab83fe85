/**
 * Between wire and domain. Nowhere else does a uint64 become a number. What can't be represented is
 * refused: RAFTCTL_TOO_LARGE beyond 2^53 - 1, RAFTCTL_USAGE for what no sender of ours would write.
 */
import {RaftctlError} from '../errors.js'
import type {MembershipChanged, MembershipRequest} from '../node/api.js'
import type {NodeIdentity, SnapshotInfo} from '../node/ports.js'
import {entryData} from '../raft/entry.js'
import type {ChangeOrigin, Member, Membership, MembershipTarget} from '../raft/membership.js'
import {EMPTY_MEMBERSHIP, isConsistent, NO_ORIGIN, stageOf} from '../raft/membership.js'
import type {Entry, EntryKind, LogIndex, NodeId, Term} from '../raft/types.js'
import {logIndex, nodeId, term} from '../raft/types.js'
import {isAddress} from './address.js'
import type * as cluster from './gen/raftctl/v1/cluster.js'
import type * as common from './gen/raftctl/v1/common.js'
import type * as snapshot from './gen/raftctl/v1/snapshot.js'

const SAFE_MAX = BigInt(Number.MAX_SAFE_INTEGER)
const NAME_MAX = 64
const TEXT_MAX = 1024
const MEMBERS_MAX = 1000

/** Throws RAFTCTL_TOO_LARGE beyond 2^53 - 1 and RAFTCTL_USAGE below 0. */
export function toSafeNumber(value: bigint): number {
  if (value > SAFE_MAX) {
    throw new RaftctlError('RAFTCTL_TOO_LARGE', `${value} is larger than 2^53 - 1`)
  }
  if (value < 0n) throw malformed(`${value} is negative`)
  return Number(value)
}

export function toWireNumber(value: number): bigint {
  return BigInt(value)
}

export function indexFromWire(value: bigint): LogIndex {
  return logIndex(toSafeNumber(value))
}

export function termFromWire(value: bigint): Term {
  return term(toSafeNumber(value))
}

/** Ids begin at 1: throws RAFTCTL_USAGE for 0. */
export function nodeIdFromWire(value: bigint): NodeId {
  if (value === 0n) throw malformed('a node id is missing')
  return nodeId(toSafeNumber(value))
}

/** 0 is "none". */
export function optionalNodeIdFromWire(value: bigint): NodeId | undefined {
  return value === 0n ? undefined : nodeId(toSafeNumber(value))
}

/** What a sender of ours would never write. */
export function malformed(why: string): RaftctlError {
  return new RaftctlError('RAFTCTL_USAGE', `malformed message: ${why}`)
}

export function membershipToWire(membership: Membership): common.Membership {
  const {target} = membership
  return {
    index: toWireNumber(membership.index),
    members: membership.members.map(memberToWire),
    voters: idsToWire(membership.voters),
    votersOutgoing: idsToWire(membership.votersOutgoing),
    learners: idsToWire(membership.learners),
    learnersNext: idsToWire(membership.learnersNext),
    observers: idsToWire(membership.observers),
    nextMemberId: toWireNumber(membership.nextMemberId),
    origin: originToWire(membership.origin),
    stage: stageOf(membership),
    target: target && {voters: idsToWire(target.voters), learners: idsToWire(target.learners)},
  }
}

/** Also reads the empty membership of a node that has applied nothing yet. */
export function membershipFromWire(wire: common.Membership | undefined): Membership {
  if (wire === undefined) throw malformed('the membership is missing')
  if (wire.members.length > MEMBERS_MAX) throw malformed('the membership has too many members')
  const membership: Membership = {
    index: indexFromWire(wire.index),
    members: wire.members.map(memberFromWire),
    voters: idsFromWire(wire.voters),
    votersOutgoing: idsFromWire(wire.votersOutgoing),
    learners: idsFromWire(wire.learners),
    learnersNext: idsFromWire(wire.learnersNext),
    observers: idsFromWire(wire.observers),
    target: targetFromWire(wire.target),
    nextMemberId: toSafeNumber(wire.nextMemberId),
    origin: originFromWire(wire.origin),
  }
  if (membership.members.length === 0 && membership.voters.length === 0) return EMPTY_MEMBERSHIP
  if (!isConsistent(membership)) throw malformed('the membership contradicts itself')
  return membership
}

function memberToWire(member: Member): common.Member {
  return {...member, id: toWireNumber(member.id)}
}

function memberFromWire(wire: common.Member): Member {
  return {
    id: nodeIdFromWire(wire.id),
    name: nameFromWire(wire.name),
    address: addressFromWire(wire.address),
    storeId: textFromWire(wire.storeId, 'a store id'),
    promoteWhenReady: wire.promoteWhenReady,
  }
}

function targetFromWire(wire: common.MembershipTarget | undefined): MembershipTarget | undefined {
  return wire && {voters: idsFromWire(wire.voters), learners: idsFromWire(wire.learners)}
}

function idsToWire(ids: readonly NodeId[]): bigint[] {
  return ids.map(toWireNumber)
}

function idsFromWire(ids: readonly bigint[]): NodeId[] {
  if (ids.length > MEMBERS_MAX) throw malformed('a list of ids is too long')
  return ids.map(nodeIdFromWire)
}

/** Not empty, at most 64 characters, never all digits; '' where no name was given. */
export function nameFromWire(name: string): string {
  if (name.length > NAME_MAX || /^\d+$/.test(name)) {
    throw new RaftctlError('RAFTCTL_USAGE', `"${name.slice(0, NAME_MAX)}" can't be a name`, {
      hint: `A name has at most ${NAME_MAX} characters, not all of them digits.`,
    })
  }
  return name
}

export function addressFromWire(address: string): string {
  if (!isAddress(address)) {
    throw new RaftctlError('RAFTCTL_USAGE', `"${address.slice(0, 256)}" is not HOST:PORT`, {
      hint: 'Write the address as HOST:PORT, such as 10.0.0.11:7400 or [::1]:7400.',
    })
  }
  return address
}

export function textFromWire(text: string, what: string): string {
  if (text === '') throw malformed(`${what} is missing`)
  if (text.length > TEXT_MAX) throw malformed(`${what} is too long`)
  return text
}

export function originToWire(origin: ChangeOrigin): common.ChangeOrigin {
  return {timeMs: toWireNumber(origin.timeMs), actor: origin.actor, reason: origin.reason}
}

export function originFromWire(wire: common.ChangeOrigin | undefined): ChangeOrigin {
  if (wire === undefined) return NO_ORIGIN
  if (wire.actor.length > TEXT_MAX || wire.reason.length > TEXT_MAX) {
    throw malformed(`actor and reason have at most ${TEXT_MAX} characters`)
  }
  return {timeMs: toSafeNumber(wire.timeMs), actor: wire.actor, reason: wire.reason}
}

/** What opens a peer stream: the identity, and the process and address it speaks from. */
export interface WireIdentity extends NodeIdentity {
  readonly processNonce: string
  readonly address: string
}

export function identityToWire(identity: WireIdentity): common.NodeIdentity {
  return {...identity, nodeId: toWireNumber(identity.nodeId)}
}

export function identityFromWire(wire: common.NodeIdentity | undefined): WireIdentity {
  if (wire === undefined) throw malformed('the identity is missing')
  return {
    clusterId: textFromWire(wire.clusterId, 'the cluster id'),
    nodeId: nodeIdFromWire(wire.nodeId),
    storeId: textFromWire(wire.storeId, 'the store id'),
    processNonce: textFromWire(wire.processNonce, 'the process nonce'),
    address: addressFromWire(wire.address),
  }
}

/** A committed entry as people and scripts read it. */
export interface LogEntryView {
  readonly index: LogIndex
  readonly term: Term
  readonly kind: EntryKind
  readonly data: Uint8Array
}

export function logEntryToWire(entry: Entry): common.LogEntry {
  return {
    index: toWireNumber(entry.index),
    term: toWireNumber(entry.term),
    kind: entry.kind,
    data: asBuffer(entryData(entry)),
  }
}

export function logEntryFromWire(wire: common.LogEntry): LogEntryView {
  const {kind} = wire
  if (kind !== 'blank' && kind !== 'command' && kind !== 'membership') {
    throw malformed(`no entry is of kind "${kind}"`)
  }
  return {index: indexFromWire(wire.index), term: termFromWire(wire.term), kind, data: wire.data}
}

export function snapshotToWire(info: SnapshotInfo, node: NodeId): snapshot.Snapshot {
  return {
    id: info.id,
    index: toWireNumber(info.index),
    term: toWireNumber(info.term),
    sizeBytes: toWireNumber(info.bytes),
    createdMs: toWireNumber(info.createdMs),
    membership: membershipToWire(info.membership),
    nodeId: toWireNumber(node),
  }
}

export interface SnapshotView extends SnapshotInfo {
  readonly nodeId: NodeId
}

export function snapshotFromWire(wire: snapshot.Snapshot): SnapshotView {
  return {
    id: wire.id,
    index: indexFromWire(wire.index),
    term: termFromWire(wire.term),
    bytes: toSafeNumber(wire.sizeBytes),
    createdMs: toSafeNumber(wire.createdMs),
    membership: membershipFromWire(wire.membership),
    nodeId: nodeIdFromWire(wire.nodeId),
  }
}

export function membershipChangedToWire(
  result: MembershipChanged,
): cluster.ChangeMembershipResponse {
  return {
    before: membershipToWire(result.before),
    after: membershipToWire(result.after),
    memberId: toWireNumber(result.memberId ?? 0),
    changed: result.changed,
  }
}

export function membershipChangedFromWire(
  wire: cluster.ChangeMembershipResponse,
): MembershipChanged {
  return {
    before: membershipFromWire(wire.before),
    after: membershipFromWire(wire.after),
    memberId: optionalNodeIdFromWire(wire.memberId),
    changed: wire.changed,
  }
}

export function membershipRequestToWire(
  request: MembershipRequest,
): cluster.ChangeMembershipRequest {
  return {
    change: changeToWire(request.change),
    expectedIndex: toWireNumber(request.expectedIndex ?? 0),
    origin: originToWire(request.origin),
    whenReady: request.change.kind === 'promote' && request.change.whenReady,
  }
}

function changeToWire(
  change: MembershipRequest['change'],
): cluster.ChangeMembershipRequest['change'] {
  switch (change.kind) {
    case 'add': {
      const {address, name, storeId, role, promoteWhenReady} = change
      const replaces = toWireNumber(change.replaces ?? 0)
      return {$case: 'add', value: {address, name, storeId, role, promoteWhenReady, replaces}}
    }
    case 'promote':
    case 'demote':
    case 'remove':
      return {$case: change.kind, value: toWireNumber(change.id)}
    case 'update': {
      const {id, address, name, promoteWhenReady} = change
      return {$case: 'update', value: {id: toWireNumber(id), address, name, promoteWhenReady}}
    }
    case 'set':
      return {
        $case: 'set',
        value: {voters: idsToWire(change.voters), learners: idsToWire(change.learners)},
      }
    case 'cancel':
      return {$case: 'cancel', value: {}}
  }
}

export function membershipRequestFromWire(
  wire: cluster.ChangeMembershipRequest,
): MembershipRequest {
  return {
    change: changeFromWire(wire),
    expectedIndex: wire.expectedIndex === 0n ? undefined : indexFromWire(wire.expectedIndex),
    origin: originFromWire(wire.origin),
  }
}

function changeFromWire(wire: cluster.ChangeMembershipRequest): MembershipRequest['change'] {
  const {change} = wire
  switch (change?.$case) {
    case 'add': {
      const {role, promoteWhenReady} = change.value
      if (role !== 'voter' && role !== 'learner' && role !== 'observer') {
        throw malformed(`no member has the role "${role.slice(0, NAME_MAX)}"`)
      }
      const address = addressFromWire(change.value.address)
      const name = nameFromWire(change.value.name)
      const storeId = textFromWire(change.value.storeId, 'a store id')
      const replaces = optionalNodeIdFromWire(change.value.replaces)
      return {kind: 'add', role, name, address, storeId, promoteWhenReady, replaces}
    }
    case 'promote':
      return {kind: 'promote', id: nodeIdFromWire(change.value), whenReady: wire.whenReady}
    case 'demote':
    case 'remove':
      return {kind: change.$case, id: nodeIdFromWire(change.value)}
    case 'update': {
      const {id, promoteWhenReady} = change.value
      const address = addressFromWire(change.value.address)
      const name = nameFromWire(change.value.name)
      return {kind: 'update', id: nodeIdFromWire(id), address, name, promoteWhenReady}
    }
    case 'set': {
      const {voters, learners} = change.value
      return {kind: 'set', voters: idsFromWire(voters), learners: idsFromWire(learners)}
    }
    case 'cancel':
      return {kind: 'cancel'}
    default:
      throw malformed('the change is missing')
  }
}

/** The same bytes as a Buffer, without a copy. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
