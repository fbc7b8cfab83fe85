import type {NodeIdentity} from '../../src/node/ports.js'
import {type Membership, NO_ORIGIN} from '../../src/raft/membership.js'
import {logIndex, nodeId} from '../../src/raft/types.js'

/** Waits for what other parties bring about; fails after ten seconds, naming it. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`never came true: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

/** Voters 1 to n of a first membership, stores s1 to sn. */
export function membershipOf(addresses: readonly string[], index = 1): Membership {
  const members = addresses.map((address, i) => ({
    id: nodeId(i + 1),
    name: '',
    address,
    storeId: `s${i + 1}`,
    promoteWhenReady: false,
  }))
  return {
    index: logIndex(index),
    members,
    voters: members.map(member => member.id),
    votersOutgoing: [],
    learners: [],
    learnersNext: [],
    observers: [],
    target: undefined,
    nextMemberId: members.length + 1,
    origin: NO_ORIGIN,
  }
}

export function identityOf(id: number, clusterId = 'c1'): NodeIdentity {
  return {clusterId, nodeId: nodeId(id), storeId: `s${id}`}
}
