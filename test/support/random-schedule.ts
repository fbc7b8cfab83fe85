/** Random schedules of everything that can happen to a cluster of cores; one seed, one schedule. */
import {stageOf} from '../../src/raft/membership.js'
import type {MembershipChange} from '../../src/raft/membership-change.js'
import {nodeId} from '../../src/raft/types.js'
import {CoreCluster, check} from './core-cluster.js'

/** A random member change that the leader may or may not refuse. */
function randomChange(cluster: CoreCluster): MembershipChange | undefined {
  const leader = cluster.leader
  if (!leader) return undefined
  const {membership} = leader.raft!
  const {members, voters, learners} = membership
  const id = cluster.pick(members)!.id
  const roll = cluster.random() % 100
  const member = {name: '', address: '', storeId: ''}
  if (roll < 25 && members.length < 7) {
    const next = nodeId(membership.nextMemberId)
    if (!cluster.servers.has(next)) cluster.add(next)
    return {kind: roll < 5 ? 'add-voter' : roll < 20 ? 'add-learner' : 'add-observer', member}
  }
  if (roll < 50) return {kind: 'promote', id: cluster.pick(learners) ?? id}
  if (roll < 60) return {kind: 'demote', id}
  if (roll < 70) return {kind: 'remove', id}
  if (roll < 75) return {kind: 'update', id, set: {promoteWhenReady: true}}
  if (roll < 78) return {kind: 'cancel'}
  const pool = [...voters, ...learners]
  const chosen = pool.filter(() => cluster.chance(60))
  const rest = pool.filter(other => !chosen.includes(other) && cluster.chance(60))
  return {kind: 'set', voters: chosen, learners: rest}
}

/** One run: members, faults and changes drawn from the seed. Throws what was violated. */
export function runSchedule(seed: number, steps: number): CoreCluster {
  const cluster = new CoreCluster({
    seed,
    voters: 1 + (seed % 5),
    lossPercent: seed % 4 === 0 ? 0 : (seed * 7) % 30,
    duplicatePercent: seed % 3 === 0 ? 0 : (seed * 5) % 40,
    latePercent: seed % 2 === 0 ? 0 : 5,
    preVote: seed % 5 !== 2,
    checkQuorum: seed % 7 !== 3,
    slow: seed % 3 === 1 ? nodeId(1) : undefined,
    limits: {
      entriesPerAppendMax: 1 + (seed % 9),
      inFlightMessagesMax: 2 + (seed % 7),
      lagThreshold: 20,
    },
  })
  for (let step = 0; step < steps; step++) {
    const roll = cluster.random() % 1000
    if (cluster.chance(1)) cluster.stopRemoved()
    const server = cluster.pick(cluster.active)
    if (!server) {
      cluster.startAll()
      cluster.paused.clear()
      continue
    }
    if (cluster.chance(1)) cluster.deliverLate()
    if (roll < 450)
      cluster.deliver(cluster.chance(70) ? 0 : cluster.random() % (cluster.network.length || 1))
    else if (roll < 620) cluster.persist(server)
    else if (roll < 740) cluster.apply(server)
    else if (roll < 880) cluster.tick(server)
    else if (roll < 940) cluster.propose(cluster.leader ?? server)
    else if (roll < 955) cluster.read(cluster.chance(50) ? server : someLeader(cluster))
    else if (roll < 965) {
      const change = randomChange(cluster)
      if (change) cluster.change(cluster.leader!, change)
    } else if (roll < 972) cluster.snapshot(server, cluster.random() % 10)
    else if (roll < 979) cluster.crash(server)
    else if (roll < 990) {
      cluster.startAll()
    } else if (roll < 993) part(cluster)
    else if (roll < 996) {
      const target = cluster.pick(server.raft!.voters)
      if (target) server.raft!.transferLeadership(target)
      cluster.drain(server)
    } else if (roll < 998) {
      server.raft!.campaign()
      cluster.drain(server)
    } else {
      server.raft!.stepDown()
      cluster.drain(server)
    }
  }
  return cluster
}

function describe(cluster: CoreCluster): string {
  return [...cluster.servers.values()]
    .map(({id, raft}) => {
      if (!raft) return `\n  ${id} stopped`
      const {role, currentTerm, lastIndex, commitIndex, lastApplied, removed, membership} =
        raft.status()
      const {index, voters, votersOutgoing} = membership
      const at = `term ${currentTerm}, last ${lastIndex}, commit ${commitIndex}, applied ${lastApplied}`
      const by = `membership ${index}: [${voters}] [${votersOutgoing}]`
      return `\n  ${id} ${removed ? 'removed ' : ''}${role}, ${at}, ${by}`
    })
    .join('')
}

/** Of whatever term; more than one may take itself for the leader. */
function someLeader(cluster: CoreCluster) {
  const leaders = cluster.active.filter(({raft}) => raft!.role === 'leader')
  return cluster.pick(leaders) ?? cluster.active[0]!
}

/** Ends the partition, begins another, or pauses a node for a while. */
function part(cluster: CoreCluster): void {
  const roll = cluster.random() % 4
  const ids = [...cluster.servers.keys()]
  if (roll === 0) cluster.cut.clear()
  else if (roll === 1) cluster.paused.clear()
  else if (roll === 2) cluster.cut = new Set(ids.filter(() => cluster.chance(40)))
  else cluster.paused.add(cluster.pick(ids)!)
}

/** Faults stop: a leader, everybody equal, the membership at rest. */
export function heal(cluster: CoreCluster): void {
  cluster.cut.clear()
  cluster.paused.clear()
  cluster.network.push(...cluster.late.splice(0))
  Object.assign(cluster.options, {
    lossPercent: 0,
    duplicatePercent: 0,
    latePercent: 0,
    slow: undefined,
  })
  cluster.startAll()
  cluster.settle(200)
  const {leader} = cluster
  check(leader !== undefined, `a leader is found: ${describe(cluster)}`)
  if (stageOf(leader.raft!.membership) === 'learner-sync') cluster.change(leader, {kind: 'cancel'})
  check(cluster.propose(cluster.leader!), 'a proposal is accepted')
  cluster.settle(100)
  cluster.checkConverged()
  const stage = stageOf(cluster.leader!.raft!.membership)
  check(stage === 'uniform', `the membership is at rest, not in stage ${stage}`)
}
