/** `top`: what every member does, picture after picture, through lost leaders and silent members. */
import type {ClusterClient} from '../client/cluster-client.js'
import {deadlineAfter, pause} from '../client/deadline.js'
import type {ClusterStatus, MemberStatus, Sample} from '../client/types.js'
import {RaftctlError} from '../errors.js'

/** Of one member between its last two samples; null: not known. */
export interface MemberRates {
  readonly commitsPerSecond: number | null
  readonly appliedPerSecond: number | null
  /** Mean time of a sync of its log; null too when there was none. */
  readonly syncMs: number | null
}

export type MemberPicture = MemberStatus & MemberRates

export interface ClusterPicture extends Omit<ClusterStatus, 'members'> {
  readonly time: string
  /** As the leader counts. */
  readonly commitsPerSecond: number | null
  readonly members: readonly MemberPicture[]
}

export interface PictureOptions {
  /** 10 to 3,600,000. */
  readonly intervalMs: number
  /** undefined: until interrupted. */
  readonly count?: number | undefined
  /** The first one waits until there are rates to show: an interval. */
  readonly withRates?: boolean | undefined
  /** Ends it. */
  readonly signal?: AbortSignal | undefined
}

const UNKNOWN: MemberRates = {commitsPerSecond: null, appliedPerSecond: null, syncMs: null}
/** How late a sample may be before a member's figures count as unknown. */
const LATE_MS = 1000
const LOOK_MS = 20

/**
 * One picture at once, then one an interval. Rejects as long as nothing has answered; later, a
 * cluster that falls silent is shown as that. RAFTCTL_INTERRUPTED when the signal is aborted.
 */
export async function* watchCluster(
  client: ClusterClient,
  {intervalMs, count = Number.POSITIVE_INFINITY, withRates = false, signal}: PictureOptions,
): AsyncGenerator<ClusterPicture> {
  const followers = new Map<string, Follower>()
  let status: ClusterStatus | undefined
  try {
    for (let taken = 1; ; taken++) {
      const start = performance.now()
      status = await look(client, status)
      follow(client, followers, status, intervalMs)
      if (withRates && taken === 1) await untilRates(followers, intervalMs, signal)
      yield pictureOf(status, followers)
      if (taken >= count) return
      await pause(Math.max(0, start + intervalMs - performance.now()), signal)
    }
  } finally {
    for (const follower of followers.values()) follower.stop()
  }
}

async function look(
  client: ClusterClient,
  before: ClusterStatus | undefined,
): Promise<ClusterStatus> {
  try {
    return await client.clusterStatus()
  } catch (error) {
    if (before === undefined || !(error instanceof RaftctlError) || !error.spec.retry) throw error
    return silent(before, error.message)
  }
}

/** The members that were last known, none of which is heard. */
function silent(before: ClusterStatus, problem: string): ClusterStatus {
  const members = before.members.map(member => ({
    ...member,
    raftRole: null,
    leader: false,
    reachable: false,
    unreachableReason: problem,
    matchIndex: null,
    lag: null,
    lastContactMs: null,
    term: null,
  }))
  const lost = {leaderId: null, leaderAddress: null, votersUpToDate: 0, failureTolerance: 0}
  return {...before, ...lost, healthy: false, problems: [problem], members}
}

function follow(
  client: ClusterClient,
  followers: Map<string, Follower>,
  {members}: ClusterStatus,
  intervalMs: number,
): void {
  for (const {address} of members) {
    if (!followers.has(address)) followers.set(address, new Follower(client, address, intervalMs))
  }
  for (const [address, follower] of followers) {
    if (members.some(member => member.address === address)) continue
    follower.stop()
    followers.delete(address)
  }
}

async function untilRates(
  followers: ReadonlyMap<string, Follower>,
  intervalMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const deadline = deadlineAfter(intervalMs + LATE_MS)
  const known = () => [...followers.values()].every(({rates}) => rates !== UNKNOWN)
  while (!known() && !deadline.expired()) await pause(LOOK_MS, signal)
}

function pictureOf(
  status: ClusterStatus,
  followers: ReadonlyMap<string, Follower>,
): ClusterPicture {
  const members = status.members.map(member => {
    const rates = member.reachable ? followers.get(member.address)?.rates : undefined
    return {...member, ...(rates ?? UNKNOWN)}
  })
  const leader = members.find(member => member.leader)
  const commitsPerSecond = leader?.commitsPerSecond ?? null
  return {...status, time: new Date().toISOString(), commitsPerSecond, members}
}

/** Reads the figures of one node, again whenever its stream breaks. */
class Follower {
  readonly #client: ClusterClient
  readonly #address: string
  readonly #intervalMs: number
  #rates: MemberRates = UNKNOWN
  #seenMs = 0
  #stopped = false

  constructor(client: ClusterClient, address: string, intervalMs: number) {
    this.#client = client
    this.#address = address
    this.#intervalMs = intervalMs
    // Whatever breaks a stream shows in the cluster's status.
    this.#run().catch(() => {})
  }

  get rates(): MemberRates {
    const late = performance.now() - this.#seenMs > this.#intervalMs + LATE_MS
    return late ? UNKNOWN : this.#rates
  }

  stop(): void {
    this.#stopped = true
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      await this.#read().catch(() => {})
      await pause(this.#intervalMs, this.#client.signal)
    }
  }

  async #read(): Promise<void> {
    let last: Sample | undefined
    for await (const sample of this.#client.watchMetrics(this.#address, {
      intervalMs: this.#intervalMs,
    })) {
      if (this.#stopped) return
      if (last !== undefined) this.#rates = ratesBetween(last, sample)
      last = sample
      this.#seenMs = performance.now()
    }
  }
}

/** Of two samples of one stream, the older first. */
export function ratesBetween(older: Sample, newer: Sample): MemberRates {
  const seconds = (Date.parse(newer.time) - Date.parse(older.time)) / 1000
  if (!(seconds > 0)) return UNKNOWN
  const syncs = newer.logSyncsTotal - older.logSyncsTotal
  return {
    commitsPerSecond: (newer.commitIndex - older.commitIndex) / seconds,
    appliedPerSecond: (newer.appliedIndex - older.appliedIndex) / seconds,
    syncMs: syncs > 0 ? (newer.logSyncMsTotal - older.logSyncMsTotal) / syncs : null,
  }
}
