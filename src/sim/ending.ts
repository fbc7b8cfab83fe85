import type {SimClient} from './client.js'
import type {SimNetwork} from './network.js'
import type {Process} from './process.js'
import type {SimNode} from './sim-node.js'
import type {World} from './world.js'

/** In largest election timeouts: a leader and an acknowledged write by then (proof.md), all equal by then. */
const WRITE_TIMEOUTS = 10
const EQUAL_TIMEOUTS = 30

/**
 * The end of a simulation, without faults: everybody is there, and within ten election timeouts a
 * leader has to be found and a new write acknowledged; then, with clients silent, all members have to
 * hold the same state.
 */
export class Ending {
  readonly #world: World
  readonly #network: SimNetwork<SimNode>
  readonly #clients: readonly SimClient[]
  readonly #makeClient: () => SimClient
  #probe: SimClient | undefined
  #beganMs = 0
  #acknowledgedBefore = 0
  #recoveredMs: number | undefined
  #isOver = false

  constructor(
    world: World,
    network: SimNetwork<SimNode>,
    clients: readonly SimClient[],
    makeClient: () => SimClient,
  ) {
    this.#world = world
    this.#network = network
    this.#clients = clients
    this.#makeClient = makeClient
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** From the end of faults to the first new write acknowledged. */
  get recoveryMs(): number | undefined {
    return this.#recoveredMs
  }

  get patienceMs(): number {
    return (WRITE_TIMEOUTS + EQUAL_TIMEOUTS) * this.#timeoutMs + 1000
  }

  begin(): void {
    const world = this.#world
    world.isHealed = true
    this.#beganMs = world.nowMs
    this.#acknowledgedBefore = world.checks.writes.acknowledgedCount
    this.#network.heal()
    for (const node of this.#network.nodes.values()) {
      node.failNextSync = false
      node.isDiskLow = false
      node.resumeNow()
      if (node.isStopping) node.end(false)
      node.start()
    }
    for (const client of this.#clients) client.finish()
    this.#probe = this.#makeClient()
    this.#probe.begin()
    this.#watch()
  }

  /** Says what is missing, if the time was up. */
  finish(): void {
    const {checks} = this.#world
    if (this.#isOver) {
      checks.writes.finish(this.#leader()!.runtime!.core.lastApplied)
      return
    }
    if (checks.verdict.violation !== undefined) return
    checks.verdict.violated('convergence', `members do not become equal: ${this.#describe()}`)
  }

  get #timeoutMs(): number {
    return 2 * this.#world.scenario.settings.electionMs
  }

  #watch(): void {
    const world = this.#world
    const {verdict, writes} = world.checks
    const elapsedMs = world.nowMs - this.#beganMs
    if (this.#recoveredMs === undefined) {
      const isWritten = writes.acknowledgedCount > this.#acknowledgedBefore
      if (isWritten && this.#leader() !== undefined) {
        this.#recoveredMs = Math.round(elapsedMs)
        this.#probe!.finish()
      } else if (elapsedMs > WRITE_TIMEOUTS * this.#timeoutMs) {
        const what = this.#leader() === undefined ? 'no leader' : 'no write acknowledged'
        verdict.violated(
          'liveness',
          `${what} ${Math.round(elapsedMs)} ms after faults ended: ${this.#describe()}`,
        )
      }
    } else if (this.#areEqual()) {
      this.#isOver = true
      return
    }
    world.after(world.scenario.settings.tickMs, () => this.#watch())
  }

  /** Of the newest term; an older one may not have heard of it yet. */
  #leader(): Process | undefined {
    let leader: Process | undefined
    for (const {process} of this.#network.nodes.values()) {
      const core = process?.runtime?.core
      if (core?.role !== 'leader') continue
      if ((leader?.runtime?.core.currentTerm ?? 0) < core.currentTerm) leader = process
    }
    return leader
  }

  #areEqual(): boolean {
    if (!this.#probe!.isIdle || this.#clients.some(client => !client.isIdle)) return false
    const leader = this.#leader()
    if (leader === undefined) return false
    const {membership, lastApplied, commitIndex} = leader.runtime!.core
    const {lastIndex} = leader.runtime!.core.status()
    if (lastApplied !== lastIndex || commitIndex !== lastIndex) return false
    if (membership.votersOutgoing.length > 0) return false
    const members = membership.members.map(({id}) => this.#network.nodes.get(id))
    const isThere = (node: SimNode | undefined) =>
      node?.process?.runtime?.core.lastApplied === lastApplied
    if (!members.every(isThere)) return false
    const checksum = leader.stateMachine!.checksum()
    for (const node of members) {
      if (node!.process!.stateMachine!.checksum() === checksum) continue
      this.#world.checks.verdict.violated('convergence', `node ${node!.id} holds another state`)
    }
    return true
  }

  #describe(): string {
    return [...this.#network.nodes.values()]
      .map(node => {
        const core = node.process?.runtime?.core
        if (core === undefined) return `\n  ${node.id} ${node.isRemoved ? 'removed' : 'down'}`
        const {role, currentTerm, lastIndex, commitIndex, lastApplied, membership} = core.status()
        const {index, voters, votersOutgoing, learners, target} = membership
        return (
          `\n  ${node.id} ${role}, term ${currentTerm}, last ${lastIndex}, commit ${commitIndex}, applied ${lastApplied}, ` +
          `membership ${index}: [${voters}] [${votersOutgoing}] learners [${learners}] target ${JSON.stringify(target)}`
        )
      })
      .join('')
  }
}
