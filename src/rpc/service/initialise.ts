/**
 * The birth of a cluster. Every voter starts from the same first entry, which holds the membership
 * and counts as committed, so it must be one and the same everywhere, however often the call is
 * repeated: when a node has joined already, its membership is the one that all others get.
 *
 *   look at all ──▶ settle the first membership ──▶ join the others ──▶ join ourselves
 *
 * We join last: once we belong to the cluster, so do all the others.
 */
import {RaftctlError} from '../../errors.js'
import type {NodeHost} from '../../node/api.js'
import {encodeEntry} from '../../raft/entry.js'
import {encodeMembership, type Membership} from '../../raft/membership.js'
import {logIndex, nodeId, term} from '../../raft/types.js'
import {
  addressFromWire,
  asBuffer,
  membershipFromWire,
  membershipToWire,
  nameFromWire,
  originFromWire,
  textFromWire,
  toWireNumber,
} from '../codec.js'
import type {InitialiseRequest, StatusResponse} from '../gen/raftctl/v1/cluster.js'
import type {ChannelSecurity} from '../security.js'
import {joinOther, statusOfOther} from './other-node.js'

const VOTERS_MAX = 99
const FIRST_INDEX = logIndex(1)
const FIRST_TERM = term(1)

interface Place {
  readonly address: string
  readonly name: string
  readonly status: Pick<StatusResponse, 'clusterId' | 'storeId' | 'name' | 'membership'>
}

/**
 * RAFTCTL_NOT_PRISTINE names the node that belongs to a cluster; RAFTCTL_REFUSED: the voters are not
 * what they must be; failures to reach another node pass through. Safe to repeat under the same id.
 */
export async function initialise(
  host: NodeHost,
  request: InitialiseRequest,
  security: ChannelSecurity,
): Promise<void> {
  const clusterId = textFromWire(request.clusterId, 'the cluster id')
  const asked = votersOf(request)
  if (host.identity !== undefined) {
    if (host.identity.clusterId === clusterId) return
    throw notPristine(host.address, host.identity.clusterId)
  }

  const places = await Promise.all(asked.map(voter => look(host, voter, security)))
  const self = places.findIndex(({status}) => status.storeId === host.storeId)
  checkPlaces(host, clusterId, places, self)
  const membership = firstMembership(clusterId, places, request)

  const firstRecord = firstRecordOf(membership)
  const identityAt = (i: number) => ({
    clusterId,
    nodeId: nodeId(i + 1),
    storeId: places[i]!.status.storeId,
  })
  const others = places.map(async ({address}, i) => {
    if (i === self) return
    const identity = identityAt(i)
    await joinOther(address, security, {
      ...identity,
      nodeId: toWireNumber(identity.nodeId),
      membership: membershipToWire(membership),
      firstRecord: asBuffer(firstRecord),
      restores: Buffer.alloc(0),
    })
  })
  const results = await Promise.allSettled(others)
  for (const result of results) if (result.status === 'rejected') throw result.reason
  await host.join({identity: identityAt(self), membership, firstRecord})
}

/** The encoding of a membership is fixed: the same membership is the same record. */
export function firstRecordOf(membership: Membership): Uint8Array {
  return encodeEntry(FIRST_INDEX, FIRST_TERM, 'membership', encodeMembership(membership)).record
}

function votersOf(request: InitialiseRequest): {address: string; name: string}[] {
  const voters = request.voters.map(({address, name}) => ({
    address: addressFromWire(address),
    name: nameFromWire(name),
  }))
  if (voters.length === 0 || voters.length > VOTERS_MAX) {
    throw refused(`a cluster begins with 1 to ${VOTERS_MAX} voters, not ${voters.length}`)
  }
  const names = voters.map(({name}) => name).filter(name => name !== '')
  if (new Set(names).size < names.length) throw refused('two voters have the same name')
  return voters
}

async function look(
  host: NodeHost,
  voter: {address: string; name: string},
  security: ChannelSecurity,
): Promise<Place> {
  if (voter.address === host.address) {
    const {storeId, name} = host
    return {...voter, status: {clusterId: '', storeId, name, membership: undefined}}
  }
  return {...voter, status: await statusOfOther(voter.address, security)}
}

function checkPlaces(
  host: NodeHost,
  clusterId: string,
  places: readonly Place[],
  self: number,
): void {
  for (const {address, status} of places) {
    if (status.clusterId !== '' && status.clusterId !== clusterId) {
      throw notPristine(address, status.clusterId)
    }
  }
  if (self < 0) throw refused(`the called node, ${host.address}, is none of the voters`)
  places.forEach(({address, status}, i) => {
    const same = places.findIndex(place => place.status.storeId === status.storeId)
    if (same < i) throw refused(`${places[same]!.address} and ${address} are the same node`)
  })
}

function firstMembership(
  clusterId: string,
  places: readonly Place[],
  request: InitialiseRequest,
): Membership {
  const joined = places.filter(({status}) => status.clusterId === clusterId)
  if (joined.length > 0) return resumed(joined, places)

  const named = new Set(places.map(({name}) => name))
  const members = places.map(({address, name, status}, i) => {
    const own = named.has(status.name) || /^\d*$/.test(status.name) ? '' : status.name
    if (name === '') named.add(own)
    return {
      id: nodeId(i + 1),
      name: name === '' ? own : name,
      address,
      storeId: status.storeId,
      promoteWhenReady: false,
    }
  })
  return {
    index: FIRST_INDEX,
    members,
    voters: members.map(({id}) => id),
    votersOutgoing: [],
    learners: [],
    learnersNext: [],
    observers: [],
    target: undefined,
    nextMemberId: members.length + 1,
    origin: originFromWire(request.origin),
  }
}

/**
 * A former attempt got half-way: its membership stands. It binds ids to stores, so it can only be
 * completed with the very nodes that it was begun with.
 */
function resumed(joined: readonly Place[], places: readonly Place[]): Membership {
  const memberships = joined.map(({status}) => membershipFromWire(status.membership))
  const begun = joined[0]!.address
  if (memberships.some(({index}) => index === 0)) {
    throw new RaftctlError('RAFTCTL_CHANGE_IN_FLIGHT', `${begun} is just joining the cluster`, {
      hint: 'Repeat the command in a moment.',
    })
  }
  if (memberships.some(({index}) => index !== FIRST_INDEX)) {
    throw refused(
      `the cluster that ${begun} belongs to has gone on without this node`,
      'Run "raftctl member replace" to give this node its place.',
    )
  }
  const first = memberships[0]!
  const agreed = memberships.every(
    membership => Buffer.compare(encodeMembership(membership), encodeMembership(first)) === 0,
  )
  if (!agreed || first.voters.length !== places.length) {
    throw refused(`${begun} has begun this cluster with other voters`, STALE_HINT)
  }
  places.forEach(({address, status}, i) => {
    const member = first.members[i]
    if (member?.address !== address || member.storeId !== status.storeId) {
      throw refused(
        `${address} is not the node that ${begun} has begun this cluster with`,
        STALE_HINT,
      )
    }
  })
  return first
}

const STALE_HINT =
  'If the cluster was never used: stop the nodes that have joined, delete their data directories, ' +
  'and begin anew with another id.'

function refused(why: string, hint?: string): RaftctlError {
  return new RaftctlError('RAFTCTL_REFUSED', why, {hint})
}

function notPristine(address: string, clusterId: string): RaftctlError {
  return new RaftctlError(
    'RAFTCTL_NOT_PRISTINE',
    `the node at ${address} already belongs to cluster ${clusterId}`,
    {
      hint: 'Use an empty data directory, or leave this node out.',
      details: {address, clusterId},
    },
  )
}
