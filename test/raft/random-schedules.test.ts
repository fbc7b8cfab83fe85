import {expect, test} from 'vitest'
import {stageOf} from '../../src/raft/membership.js'
import type {MembershipChange} from '../../src/raft/membership-change.js'
import {nodeId} from '../../src/raft/types.js'
import {CoreCluster} from '../support/core-cluster.js'

const SEEDS = Number(process.env.RAFT_SEEDS ?? 60)
const FIRST_SEED = Number(process.env.RAFT_FIRST_SEED ?? 1)
const STEPS = Number(process.env.RAFT_STEPS ?? 4000)

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

function run(seed: number): CoreCluster {
  const cluster = new CoreCluster({
    seed,
    voters: 1 + (seed % 5),
    lossPercent: seed % 4 === 0 ? 0 : (seed * 7) % 30,
    duplicatePercent: seed % 3 === 0 ? 0 : (seed * 5) % 40,
    limits: {
      entriesPerAppendMax: 1 + (seed % 9),
      inFlightMessagesMax: 2 + (seed % 7),
      lagThreshold: 20,
    },
  })
  for (let step = 0; step < STEPS; step++) {
    const roll = cluster.random() % 1000
    const server = cluster.pick(cluster.running)
    if (!server) {
      for (const down of cluster.servers.values()) cluster.start(down)
      continue
    }
    if (roll < 450)
      cluster.deliver(cluster.chance(70) ? 0 : cluster.random() % (cluster.network.length || 1))
    else if (roll < 620) cluster.persist(server)
    else if (roll < 740) cluster.apply(server)
    else if (roll < 880) cluster.tick(server)
    else if (roll < 940) cluster.propose(cluster.leader ?? server)
    else if (roll < 955) cluster.read(server)
    else if (roll < 965) {
      const change = randomChange(cluster)
      if (change) cluster.change(cluster.leader!, change)
    } else if (roll < 972) cluster.snapshot(server, cluster.random() % 10)
    else if (roll < 979) cluster.crash(server)
    else if (roll < 990) {
      for (const down of cluster.servers.values()) if (!down.raft) cluster.start(down)
    } else if (roll < 993) cluster.cut = new Set(cluster.chance(50) ? [server.id] : [])
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
      const {role, currentTerm, lastIndex, commitIndex, lastApplied, removed, membership} =
        raft!.status()
      const {index, voters, votersOutgoing} = membership
      const at = `term ${currentTerm}, last ${lastIndex}, commit ${commitIndex}, applied ${lastApplied}`
      const by = `membership ${index}: [${voters}] [${votersOutgoing}]`
      return `\n  ${id} ${removed ? 'removed ' : ''}${role}, ${at}, ${by}`
    })
    .join('')
}

/** Faults stop: a leader, everybody equal, the membership at rest. */
function heal(cluster: CoreCluster): void {
  cluster.cut.clear()
  Object.assign(cluster.options, {lossPercent: 0, duplicatePercent: 0})
  for (const server of cluster.servers.values()) if (!server.raft) cluster.start(server)
  cluster.settle(200)
  const {leader} = cluster
  expect(leader, `a leader is found: ${describe(cluster)}`).toBeDefined()
  if (stageOf(leader!.raft!.membership) === 'learner-sync') {
    cluster.change(leader!, {kind: 'cancel'})
  }
  expect(cluster.propose(cluster.leader!)).toBe(true)
  cluster.settle(100)
  cluster.checkConverged()
  expect(stageOf(cluster.leader!.raft!.membership)).toBe('uniform')
}

test(`${SEEDS} random schedules of ${STEPS} events violate nothing and converge`, () => {
  const totals = {elections: 0, changes: 0, installs: 0, commits: 0, reads: 0, steps: 0}
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    try {
      const cluster = run(seed)
      heal(cluster)
      for (const key of Object.keys(totals) as (keyof typeof totals)[]) {
        totals[key] += cluster.counts[key]
      }
    } catch (error) {
      throw new Error(`seed ${seed}: RAFT_FIRST_SEED=${seed} RAFT_SEEDS=1`, {cause: error})
    }
  }

  if (process.env.RAFT_SEEDS) process.stdout.write(`${JSON.stringify(totals)}\n`)
  expect(totals.elections).toBeGreaterThan(SEEDS)
  expect(totals.changes).toBeGreaterThan(SEEDS)
  expect(totals.installs).toBeGreaterThan(0)
  expect(totals.reads).toBeGreaterThan(SEEDS)
}, 120_000)
