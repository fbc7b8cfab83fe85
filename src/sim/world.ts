import type {NodeId} from '../raft/types.js'
import {Checks} from './checkers/checks.js'
import {Random} from './random.js'
import type {Scenario} from './scenario.js'
import {Scheduler} from './scheduler.js'
import {Trace} from './trace.js'

/** How often things happened, so that a run can be told from one in which nothing did. */
export interface Counts {
  /** Messages and proposals handled by a node. */
  steps: number
  proposals: number
  reads: number
  crashes: number
  restarts: number
  transfers: number
  snapshots: number
  snapshotChunks: number
  installs: number
  failedSyncs: number
  damages: number
  lowDisks: number
  tailsCut: number
  removals: number
}

/** What everything in a simulation shares: time, chance, what is being checked and counted. */
export class World {
  readonly scenario: Scenario
  readonly scheduler = new Scheduler()
  readonly trace = new Trace()
  readonly checks: Checks
  readonly counts: Counts = {
    steps: 0,
    proposals: 0,
    reads: 0,
    crashes: 0,
    restarts: 0,
    transfers: 0,
    snapshots: 0,
    snapshotChunks: 0,
    installs: 0,
    failedSyncs: 0,
    damages: 0,
    lowDisks: 0,
    tailsCut: 0,
    removals: 0,
  }
  /** Faults are over: the network is good, disks are quick. */
  isHealed = false
  /** Turns of the promise queue that what just happened needs to have its effect. */
  turnsWanted = 0
  /** Turns that every event is given besides, because work of many turns is under way. */
  turnsEach = 0
  /** Processes that had a part in this moment; looked at once its promises have settled. */
  readonly touched: {look(): void}[] = []
  /** Work to be done at the end of this moment. */
  readonly soon: (() => void)[] = []
  readonly networkRandom: Random
  readonly diskRandom: Random
  readonly clientRandom: Random

  constructor(scenario: Scenario) {
    this.scenario = scenario
    const {seed} = scenario
    this.networkRandom = new Random(seed, 3)
    this.diskRandom = new Random(seed, 4)
    this.clientRandom = new Random(seed, 5)
    const moment = () => ({step: this.counts.steps, atMs: this.nowMs})
    this.checks = new Checks(moment, scenario.settings.limits)
  }

  get nowMs(): number {
    return this.scheduler.nowMs
  }

  after(delayMs: number, run: () => void): void {
    this.scheduler.after(delayMs, run)
  }

  want(turns: number): void {
    if (turns > this.turnsWanted) this.turnsWanted = turns
  }

  /** Gives every event `turns` until this work settles: starting nodes, snapshots, restoring. */
  async long<T>(work: Promise<T>, turns = 4): Promise<T> {
    this.turnsEach += turns
    try {
      return await work
    } finally {
      this.turnsEach -= turns
    }
  }

  syncMs(): number {
    const random = this.diskRandom
    const {syncMeanMs, stallShare, stallMs} = this.scenario.disk
    if (this.isHealed) return syncMeanMs / 4
    if (random.chance(stallShare)) return random.between(0, stallMs)
    return random.exponential(syncMeanMs)
  }
}

export const addressOf = (id: NodeId): string => `node-${id}:7400`
export const storeIdOf = (id: NodeId): string => `store-${id}`
