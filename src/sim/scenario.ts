import type {NodeSettings} from '../node/settings.js'
import {Random} from './random.js'

/** What one seed is about: sizes, speeds, and how bad things are. Everything in it comes from the seed. */
export interface Scenario {
  readonly seed: number
  readonly voters: number
  readonly learners: number
  readonly observers: number
  readonly settings: NodeSettings
  readonly network: NetworkTraits
  readonly disk: DiskTraits
  readonly clients: ClientTraits
  readonly faults: FaultTraits
}

export interface NetworkTraits {
  /** Shares of all messages, 0 to 1. */
  readonly loss: number
  readonly duplication: number
  /** Delay: at least the first, on average both. */
  readonly delayMinMs: number
  readonly delayMeanMs: number
  /** Messages from one node to another may overtake each other. */
  readonly reorders: boolean
  /** Share of messages that come after whole elections. */
  readonly lateShare: number
  readonly lateMs: number
}

export interface DiskTraits {
  readonly syncMeanMs: number
  /** Share of syncs that stall, and for how long at most. */
  readonly stallShare: number
  readonly stallMs: number
  readonly segmentBytes: number
  readonly keepBytes: number
  readonly memoryBytes: number
  readonly snapshotChunkBytes: number
  /** Mean time between flushes of the state. */
  readonly flushMeanMs: number
  readonly applyMeanMs: number
}

export interface ClientTraits {
  readonly count: number
  readonly inFlight: number
  readonly keys: number
  readonly thinkMeanMs: number
  readonly readShare: number
  readonly swapShare: number
  readonly deleteShare: number
  readonly valueBytesMax: number
  readonly patienceMs: number
  /** Share of operations after which a client forgets its session and begins anew. */
  readonly restartShare: number
}

export interface FaultTraits {
  /** Messages and proposals between actions, on average. */
  readonly everySteps: number
  /** How often each kind is drawn, against the others. */
  readonly weights: Readonly<Record<ActionKind, number>>
  readonly clockSkew: number
}

export type ActionKind =
  | 'crash'
  | 'kill'
  | 'stop'
  | 'pause'
  | 'partition'
  | 'isolate'
  | 'heal'
  | 'transfer'
  | 'change'
  | 'snapshot'
  | 'grow'
  | 'fail-sync'
  | 'damage'
  | 'clock-jump'
  | 'low-disk'

export const ACTION_KINDS: readonly ActionKind[] = [
  'crash',
  'kill',
  'stop',
  'pause',
  'partition',
  'isolate',
  'heal',
  'transfer',
  'change',
  'snapshot',
  'grow',
  'fail-sync',
  'damage',
  'clock-jump',
  'low-disk',
]

/** Below it a node takes no writes; its disk has none free while it is low, plenty otherwise. */
export const LOW_DISK_BYTES = 1 << 20

/** Draws the scenario of a seed: an integer in [0, 2^32). */
export function drawScenario(seed: number): Scenario {
  const random = new Random(seed, 1)
  const size = random.integer(3, 7)
  const observers = random.chance(0.3) ? 1 : 0
  const learners = random.chance(0.4) ? random.integer(1, 2) : 0
  const voters = Math.max(1, size - observers - learners)
  const settings = drawSettings(random)
  return {
    seed,
    voters,
    learners,
    observers,
    settings,
    network: drawNetwork(random, settings.electionMs),
    disk: drawDisk(random),
    clients: drawClients(random),
    faults: drawFaults(random),
  }
}

function drawSettings(random: Random): NodeSettings {
  const tickMs = random.pick([10, 15, 25])
  const heartbeatMs = tickMs * random.integer(2, 4)
  return {
    tickMs,
    heartbeatMs,
    electionMs: heartbeatMs * random.integer(3, 5),
    snapshotEntries: random.pick([30, 80, 150, 300]),
    snapshotLogBytesMin: random.pick([0, 0, 8_000, 30_000]),
    lowDiskBytes: LOW_DISK_BYTES,
    snapshotBytesPerSecond: random.pick([0, 0, 30_000, 200_000]),
    snapshotChunkBytes: 256 * 1024,
    limits: {
      entriesPerAppendMax: random.pick([1, 3, 10, 300]),
      bytesPerAppendMax: random.pick([200, 2000, 1 << 20]),
      inFlightMessagesMax: random.integer(2, 64),
      inFlightBytesMax: random.pick([1000, 1 << 20]),
      observerWindow: random.integer(1, 8),
      uncommittedBytesMax: random.pick([2000, 64 << 20]),
      applyBytesMax: random.pick([500, 1 << 20]),
      applyingBytesMax: random.pick([1000, 16 << 20]),
      lagThreshold: random.pick([10, 100, 1000]),
    },
  }
}

function drawNetwork(random: Random, electionMs: number): NetworkTraits {
  // Some are so slow that candidates meet.
  const slowMs = electionMs * random.between(0.05, 0.25)
  return {
    loss: random.chance(0.3) ? 0 : random.unit() ** 2 * 0.3,
    duplication: random.chance(0.3) ? 0 : random.unit() ** 2 * 0.5,
    delayMinMs: random.between(0.1, 2),
    delayMeanMs: random.chance(0.2) ? slowMs : random.between(0.2, 6),
    reorders: random.chance(0.4),
    lateShare: random.chance(0.4) ? 0 : random.between(0, 0.02),
    lateMs: random.between(100, 3000),
  }
}

function drawDisk(random: Random): DiskTraits {
  return {
    syncMeanMs: random.between(0.1, 4),
    stallShare: random.chance(0.5) ? 0 : random.between(0, 0.02),
    stallMs: random.between(20, 600),
    segmentBytes: random.pick([1, 2, 8]) * 1024,
    keepBytes: random.pick([0, 1, 4]) * 1024,
    memoryBytes: random.pick([0, 4, 64]) * 1024,
    snapshotChunkBytes: random.pick([1, 4, 16]) * 1024,
    flushMeanMs: random.between(20, 500),
    applyMeanMs: random.between(0.05, 2),
  }
}

function drawClients(random: Random): ClientTraits {
  return {
    count: random.integer(5, 9),
    inFlight: random.integer(1, 4),
    keys: random.integer(3, 12),
    thinkMeanMs: random.between(5, 150),
    readShare: random.between(0.2, 0.7),
    swapShare: random.between(0, 0.2),
    deleteShare: random.between(0, 0.1),
    valueBytesMax: random.pick([8, 60, 300]),
    patienceMs: random.between(300, 1500),
    restartShare: random.pick([0, 0.002]),
  }
}

/** Each kind is left out of some seeds and common in others, so that every mixture is met. */
function drawFaults(random: Random): FaultTraits {
  const weights = {} as Record<ActionKind, number>
  for (const kind of ACTION_KINDS) weights[kind] = random.chance(0.25) ? 0 : random.unit()
  weights.change = 1 + 2 * random.unit()
  weights.heal = 0.5 + random.unit()
  weights.grow = 0.4 + random.unit()
  weights.pause += 0.3
  weights.damage *= 0.2
  weights['low-disk'] *= 0.5
  weights['fail-sync'] *= 0.4
  return {everySteps: random.between(40, 250), weights, clockSkew: random.pick([0, 0.02, 0.1])}
}
