/**
 * One simulated cluster, from its founding to its judgement:
 *
 *   founding ──▶ clients and actions, until enough steps ──▶ faults stop ──▶ leader, write, all equal
 *
 * Nothing in it waits for the real world: time is a queue of events, and promises settle in turns of
 * the microtask queue that are counted. So one seed is one run, byte for byte.
 */
import {encodeEntry} from '../raft/entry.js'
import {EMPTY_MEMBERSHIP, encodeMembership, type Membership} from '../raft/membership.js'
import type {Entry, NodeId} from '../raft/types.js'
import {logIndex, nodeId, term} from '../raft/types.js'
import {type Action, ActionSource} from './actions.js'
import type {Violation} from './checkers/verdict.js'
import {SimClient} from './client.js'
import {Ending} from './ending.js'
import {Faults} from './faults.js'
import {SimNetwork} from './network.js'
import {drawScenario, type Scenario} from './scenario.js'
import {SimNode} from './sim-node.js'
import {addressOf, type Counts, storeIdOf, World} from './world.js'

export interface SimulationOptions {
  readonly seed: number
  /** Messages and proposals to handle before faults stop. */
  readonly steps: number
  /** Instead of those that the seed draws. */
  readonly actions?: readonly Action[]
  readonly scenario?: Scenario
}

export interface SimulationResult {
  readonly seed: number
  readonly violation: Violation | undefined
  /** Equal for equal runs. */
  readonly trace: string
  readonly counts: Counts
  readonly elections: number
  /** Memberships that were applied after the first. */
  readonly changes: number
  readonly operations: number
  readonly acknowledged: number
  /** Simulated time, in all, and from the end of faults to a leader and an acknowledged write. */
  readonly simulatedMs: number
  readonly recoveryMs: number | undefined
  /** Steps until faults stopped, or the violation. */
  readonly faultySteps: number
  /** What was done until the violation, or the end. */
  readonly actions: readonly Action[]
}

/** Without an action for so long, simulated, the next one is due whatever the steps. */
const PATIENCE_MS = 2000
/** Without a step for so long, simulated, something is stuck for good. */
const STANDSTILL_MS = 60_000

export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  return new Simulation(options).run()
}

class Simulation {
  readonly #options: SimulationOptions
  readonly #scenario: Scenario
  readonly #world: World
  readonly #network: SimNetwork<SimNode>
  readonly #faults: Faults
  readonly #clients: SimClient[] = []
  readonly #performed: Action[] = []
  readonly #source: ActionSource
  #next: Action | undefined
  #actedMs = 0
  #judgedAtStep = -1
  #clientNumbers = 0
  #values = 0
  #membershipsSeen = 0

  constructor(options: SimulationOptions) {
    this.#options = options
    this.#scenario = options.scenario ?? drawScenario(options.seed)
    this.#world = new World(this.#scenario)
    this.#network = new SimNetwork<SimNode>(this.#world)
    this.#source = new ActionSource(options.seed, this.#scenario.faults)
    this.#faults = new Faults(this.#world, this.#network)
  }

  async run(): Promise<SimulationResult> {
    const {verdict} = this.#world.checks
    this.#found()
    this.#next = this.#nextAction()
    this.#startClients()
    await this.#runUntil(() => this.#isEnough(), STANDSTILL_MS)
    const faultySteps = this.#world.counts.steps
    const ending = new Ending(this.#world, this.#network, this.#clients, () => this.#client(true))
    if (verdict.violation === undefined) {
      ending.begin()
      await this.#runUntil(() => ending.isOver, ending.patienceMs)
      ending.finish()
      if (verdict.violation === undefined) this.#world.checks.history.check()
    }
    return this.#result(ending.recoveryMs, faultySteps)
  }

  /** So many steps, and more until everything that is to be looked at has happened. */
  #isEnough(): boolean {
    const {counts, checks} = this.#world
    const {steps, actions} = this.#options
    // Judged at a step, not between two, so that a script that names the step ends there too.
    if (counts.steps < steps || counts.steps === this.#judgedAtStep) return false
    this.#judgedAtStep = counts.steps
    if (actions !== undefined || counts.steps >= 2 * steps) return true
    return checks.elections.count > 0 && checks.commits.changes > 1 && counts.installs > 0
  }

  #result(recoveryMs: number | undefined, faultySteps: number): SimulationResult {
    const {checks, trace, counts, nowMs} = this.#world
    return {
      seed: this.#options.seed,
      violation: checks.verdict.violation,
      trace: trace.digest,
      counts,
      elections: checks.elections.count,
      changes: checks.commits.changes - 1,
      operations: checks.history.operations,
      acknowledged: checks.writes.acknowledgedCount,
      simulatedMs: Math.round(nowMs),
      recoveryMs,
      faultySteps,
      actions: this.#performed,
    }
  }

  /** As the daemon founds a group: every founder's log begins with the same first entry, committed. */
  #found(): void {
    const {voters, learners, observers} = this.#scenario
    const first = foundingEntry(voters, learners, observers)
    this.#world.checks.founded(first)
    for (let id = 1; id <= voters + learners + observers; id++) this.#addNode(nodeId(id), first)
  }

  #addNode(id: NodeId, first?: Entry): void {
    const node = new SimNode(this.#world, this.#network, id, first?.record)
    this.#network.nodes.set(id, node)
    node.start()
  }

  /** Whoever is named by a membership that somebody applied is there, with an empty disk at first. */
  #addMembers(): void {
    const {memberships} = this.#world.checks.commits
    for (; this.#membershipsSeen < memberships.length; this.#membershipsSeen++) {
      for (const {id} of memberships[this.#membershipsSeen]!.members) {
        if (!this.#network.nodes.has(id)) this.#addNode(id)
      }
    }
  }

  #nextAction(): Action | undefined {
    const {actions} = this.#options
    return actions === undefined ? this.#source.next() : actions[this.#performed.length]
  }

  /** Does what is due; a cluster in which nothing happens is not left alone for ever. */
  #act(): void {
    const {counts, nowMs} = this.#world
    while (this.#next !== undefined) {
      const isDue = counts.steps >= this.#next.atStep || nowMs - this.#actedMs > PATIENCE_MS
      if (!isDue) return
      this.#actedMs = nowMs
      this.#performed.push(this.#next)
      this.#faults.perform(this.#next)
      this.#next = this.#nextAction()
    }
  }

  #startClients(): void {
    for (let i = 0; i < this.#scenario.clients.count; i++) {
      const client = this.#client()
      this.#clients.push(client)
      this.#world.after(this.#world.clientRandom.between(0, 300), () => client.begin())
    }
  }

  #client(onlyWrites = false): SimClient {
    return new SimClient(
      this.#world,
      this.#network,
      () => ++this.#clientNumbers,
      () => ++this.#values,
      onlyWrites,
    )
  }

  /**
   * One event after the other: what it does at once, then what its promises do, then what it left for
   * the end of the moment; and a look at every node that had a part in it.
   */
  async #runUntil(isDone: () => boolean, patienceMs: number): Promise<void> {
    const world = this.#world
    const {scheduler, checks, soon, touched, counts} = world
    const {verdict} = checks
    let stepsSeen = counts.steps
    let quietSinceMs = world.nowMs
    while (verdict.violation === undefined && !isDone()) {
      const event = scheduler.next()
      if (event === undefined) return
      event.run()
      if (world.turnsWanted > 0 || world.turnsEach > 0) await this.#settle()
      while (soon.length > 0) {
        for (const task of soon.splice(0)) task()
        if (world.turnsWanted > 0) await this.#settle()
      }
      if (!world.isHealed) this.#act()
      if (touched.length > 0) {
        for (const process of touched) process.look()
        touched.length = 0
      }
      if (checks.commits.memberships.length > this.#membershipsSeen) this.#addMembers()
      if (world.isHealed || counts.steps !== stepsSeen) {
        stepsSeen = counts.steps
        if (!world.isHealed) quietSinceMs = world.nowMs
      }
      if (world.nowMs - quietSinceMs > patienceMs) return
    }
  }

  /** Lets promises settle that were waiting for what just happened. */
  async #settle(): Promise<void> {
    const world = this.#world
    let turns = world.turnsEach
    while (world.turnsWanted > 0 || turns > 0) {
      if (world.turnsWanted > turns) turns = world.turnsWanted
      world.turnsWanted = 0
      turns--
      await undefined
    }
  }
}

function foundingEntry(voters: number, learners: number, observers: number): Entry {
  const ids = Array.from({length: voters + learners + observers}, (_, i) => nodeId(i + 1))
  const membership: Membership = {
    ...EMPTY_MEMBERSHIP,
    members: ids.map(id => ({
      id,
      name: `n${id}`,
      address: addressOf(id),
      storeId: storeIdOf(id),
      promoteWhenReady: false,
    })),
    voters: ids.slice(0, voters),
    learners: ids.slice(voters, voters + learners),
    observers: ids.slice(voters + learners),
    nextMemberId: ids.length + 1,
  }
  return encodeEntry(logIndex(1), term(1), 'membership', encodeMembership(membership))
}
