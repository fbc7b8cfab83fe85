import type {MembershipRequest} from '../node/api.js'
import {type Membership, stageOf} from '../raft/membership.js'
import {type NodeId, nodeId} from '../raft/types.js'
import type {Action} from './actions.js'
import {detectsDamage} from './damage.js'
import type {SimNetwork} from './network.js'
import {Random} from './random.js'
import type {SimNode} from './sim-node.js'
import {addressOf, storeIdOf, type World} from './world.js'

const MEMBERS_MAX = 8
/** Downtime after a crash; long ones outlast elections and compaction. */
const DOWN_MIN_MS = 20

/** Does to a cluster what actions say, as far as there is somebody to do it to. */
export class Faults {
  readonly #world: World
  readonly #network: SimNetwork<SimNode>

  constructor(world: World, network: SimNetwork<SimNode>) {
    this.#world = world
    this.#network = network
  }

  perform(action: Action): void {
    const random = new Random(action.what, 6)
    const nodes = [...this.#network.nodes.values()].filter(({isRemoved}) => !isRemoved)
    const running = nodes.filter(({process}) => process !== undefined)
    const node = running[action.who % running.length]
    switch (action.kind) {
      case 'crash':
        this.#end(node, true, action)
        return
      case 'kill':
        this.#end(node, false, action)
        return
      case 'stop':
        this.#stop(node, action)
        return
      case 'pause':
        node?.pause(action.forMs)
        return
      case 'partition':
        this.#partition(nodes, random, action)
        return
      case 'isolate':
        this.#isolate(nodes, nodes[action.who % nodes.length], random, action)
        return
      case 'heal':
        this.#network.mend()
        return
      case 'transfer':
        this.#transfer(random)
        return
      case 'change':
        this.#change(random)
        return
      case 'snapshot':
        node?.run(({runtime}) => {
          runtime?.createSnapshot().catch(() => undefined)
          this.#world.want(40)
        })
        return
      case 'grow':
        this.#grow(random)
        return
      case 'fail-sync':
        if (node !== undefined) node.failNextSync = true
        return
      case 'damage':
        this.#damage(node, random, action)
        return
      case 'clock-jump':
        if (node !== undefined) node.wallOffsetMs += random.integer(-3_600_000, 3_600_000)
        return
      case 'low-disk':
        this.#fillDisk(random.chance(0.5) ? this.#leader() : node, action)
        return
    }
  }

  #end(node: SimNode | undefined, power: boolean, {forMs}: Action): void {
    if (node === undefined) return
    this.#world.counts.crashes++
    node.end(power)
    this.#world.after(DOWN_MIN_MS + forMs, () => node.start())
  }

  /** A clean stop: leadership handed over, log sealed. */
  #stop(node: SimNode | undefined, {forMs}: Action): void {
    if (node?.process?.runtime === undefined || node.isStopping || node.isPaused) return
    const {process} = node
    node.isStopping = true
    const over = () => {
      if (node.process !== process) return
      node.end(false)
      this.#world.after(DOWN_MIN_MS + forMs, () => node.start())
    }
    node.run(({runtime}) => {
      this.#world.want(20)
      runtime!.stop().then(over, error => {
        process.failed(error)
      })
    })
  }

  /** Two groups that don't hear each other, or one that hears and is not heard. */
  #partition(nodes: readonly SimNode[], random: Random, {forMs}: Action): void {
    const inside = new Set(nodes.filter(() => random.chance(0.5)))
    const oneWay = random.chance(0.4)
    for (const a of nodes) {
      for (const b of nodes) {
        if (inside.has(a) === inside.has(b)) continue
        if (!oneWay || inside.has(a)) this.#network.cut(a.id, b.id)
      }
    }
    this.#world.after(forMs, () => this.#network.mend())
  }

  #isolate(nodes: readonly SimNode[], node: SimNode | undefined, random: Random, action: Action) {
    if (node === undefined) return
    const ways = random.below(3)
    for (const {id} of nodes) {
      if (ways !== 1) this.#network.cut(node.id, id)
      if (ways !== 2) this.#network.cut(id, node.id)
    }
    this.#world.after(action.forMs, () => this.#network.mend())
  }

  #leader(): SimNode | undefined {
    let leader: SimNode | undefined
    let highest = 0
    for (const node of this.#network.nodes.values()) {
      const core = node.process?.runtime?.core
      if (core?.role !== 'leader' || core.currentTerm <= highest) continue
      highest = core.currentTerm
      leader = node
    }
    return leader
  }

  #transfer(random: Random): void {
    const leader = this.#leader()
    const voters = leader?.process?.runtime?.core.membership.voters ?? []
    const target = random.chance(0.2) ? undefined : voters[random.below(Math.max(1, voters.length))]
    leader?.run(({runtime}) => {
      this.#world.want(6)
      this.#world.counts.transfers++
      runtime?.transferLeadership(target).catch(() => undefined)
    })
  }

  #change(random: Random): void {
    const leader = this.#leader()
    leader?.run(({runtime}) => {
      if (runtime === undefined) return
      const change = drawChange(runtime.core.membership, random)
      if (change === undefined) return
      const {membership} = runtime.core
      const expectedIndex = random.chance(0.2) ? membership.index : undefined
      const origin = {timeMs: 1, actor: 'simulation', reason: change.kind}
      this.#world.want(8)
      this.#world.counts.steps++
      runtime.changeMembership({change, expectedIndex, origin}).catch(() => undefined)
    })
  }

  /** A learner joins a leader whose log no longer begins at its beginning. */
  #grow(random: Random): void {
    this.#leader()?.run(({runtime}) => {
      if (runtime === undefined) return
      const grow = async () => {
        await runtime.createSnapshot()
        const {members, nextMemberId} = runtime.core.membership
        if (members.length >= MEMBERS_MAX) return
        const change = {...add(nextMemberId, random), role: 'learner'} as Change
        const origin = {timeMs: 1, actor: 'simulation', reason: 'grow'}
        await runtime.changeMembership({change, expectedIndex: undefined, origin})
      }
      this.#world.want(40)
      grow().catch(() => undefined)
    })
  }

  /** Nothing is left on the node's disk, for a while. */
  #fillDisk(node: SimNode | undefined, {forMs}: Action): void {
    if (node === undefined || node.isDiskLow) return
    this.#world.counts.lowDisks++
    node.isDiskLow = true
    // Longer than it takes a leader to try and hand over.
    this.#world.after(4 * forMs, () => {
      node.isDiskLow = false
    })
  }

  /** One bit of a file is another after a crash. Whether that is noticed is seen; then it is put right. */
  #damage(node: SimNode | undefined, random: Random, action: Action): void {
    if (node?.process?.runtime === undefined) return
    this.#end(node, true, {...action, forMs: action.forMs + 200})
    this.#world.counts.damages++
    this.#world.long(detectsDamage(node, random)).then(
      complaint => {
        if (complaint === undefined) return
        this.#world.checks.verdict.violated('damage-detected', `node ${node.id}: ${complaint}`)
      },
      error => {
        this.#world.checks.verdict.violated('damage-detected', `node ${node.id}: ${error}`)
      },
    )
  }
}

type Change = MembershipRequest['change']

/** What an operator may ask of a membership, sensible or not. */
function drawChange(membership: Membership, random: Random): Change | undefined {
  const {members, voters, learners, nextMemberId} = membership
  if (stageOf(membership) === 'learner-sync' && random.chance(0.5)) return {kind: 'cancel'}
  const roll = random.unit()
  const any = random.pick(members).id
  if (roll < 0.35 && members.length < MEMBERS_MAX) return add(nextMemberId, random)
  if (roll < 0.5) {
    const id = learners.length > 0 ? random.pick(learners) : any
    return {kind: 'promote', id, whenReady: random.chance(0.5)}
  }
  if (roll < 0.6) return {kind: 'demote', id: any}
  if (roll < 0.75 && members.length > 2) return {kind: 'remove', id: any}
  if (roll < 0.8) {
    const {name, promoteWhenReady} = members.find(({id}) => id === any)!
    const address = `${addressOf(any)}${random.below(10)}`
    const promotes = learners.includes(any) ? random.chance(0.5) : promoteWhenReady
    return {kind: 'update', id: any, address, name, promoteWhenReady: promotes}
  }
  return set([...voters, ...learners], random)
}

function add(nextMemberId: number, random: Random): Change {
  const id = nodeId(nextMemberId)
  const role = random.pick(['voter', 'learner', 'learner', 'learner', 'observer'] as const)
  return {
    kind: 'add',
    role,
    name: `n${id}`,
    address: addressOf(id),
    storeId: storeIdOf(id),
    promoteWhenReady: role === 'learner' && random.chance(0.4),
  }
}

/** Several changes at once: mostly a few members swap their roles. */
function set(pool: readonly NodeId[], random: Random): Change {
  const voters = pool.filter(() => random.chance(0.6))
  const learners = pool.filter(id => !voters.includes(id) && random.chance(0.7))
  return {kind: 'set', voters, learners}
}
