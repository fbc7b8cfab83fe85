import {type ErrorCode, RaftctlError} from '../errors.js'
import {CallFailure, unary, unwrap} from './call.js'
import {type Heard, leaderOf, newestMembership, type Survey} from './cluster-status.js'
import type {Connections, NodeConnection} from './connections.js'
import {backoffMs, type Deadline, deadlineAfter, interrupted, pause, spell} from './deadline.js'
import {majorityOf} from './quorum.js'
import type {ClientOptions, MembershipView, NodeStatus} from './types.js'
import {nodeStatusOf} from './wire.js'

/** How long one node may take to say how it is; doubled after a survey that nobody answered. */
const STATUS_MS = 1000
/** Where every node is known not to be there: how long to knock before giving up, deadline or not. */
const KNOCK_MS = 1500
/**
 * How long one attempt that may be repeated waits, before the leader is looked for anew; doubled each
 * time, or a leader that is slower than this would never get to answer.
 */
const ATTEMPT_MS = 2000
/** Whoever takes no longer than so many times the slowest answer is as slow as the rest, not gone. */
const SLOW_TIMES = 4
/** What an attempt needs at least to be worth sending. */
const ANSWER_MS = 20
/** Without a pinned cluster id: how long to hear the other endpoints out once a leader answered. */
const HEAR_OUT_MS = 300
/** How long those that name no leader wait for a member that is silent; doubled with every survey. */
const HEAR_SILENT_MS = 100
/** Silence of the leader after which the others are asked whether they have another. */
const SILENCE_MS = 300
/** A survey shorter than this proves nothing by silence. */
const FAIR_MS = 200
/** While members answer, an election is on: for so many rounds the next is this close. */
const ELECTION_ROUNDS = 25
const ELECTION_NAP_MS = 20

/**
 * What may be done when nobody knows whether an attempt took effect. `read`: repeat it. `exact`:
 * repeat it, it carries a session and a sequence; without an answer in the end the outcome is
 * unknown. `once`: don't repeat it, the outcome is unknown.
 */
export type Repeat = 'read' | 'exact' | 'once'

export interface Attempt {
  readonly node: NodeConnection
  readonly timeoutMs: number
}

/** Finds the leader from any one address, and gets a call answered by it within the deadline. */
export class Router {
  readonly #connections: Connections
  readonly #endpoints: readonly string[]
  readonly #timeoutMs: number
  readonly #signal: AbortSignal | undefined
  #clusterId: string | undefined
  #membership: MembershipView | undefined
  #leader: string | undefined
  #opinion: Promise<string | undefined> | undefined
  #everAnswered = false
  #termMax = 0

  constructor(options: ClientOptions, connections: Connections) {
    this.#connections = connections
    this.#endpoints = options.endpoints
    this.#timeoutMs = options.timeoutMs
    this.#signal = options.signal
    this.#clusterId = options.clusterId
  }

  /** undefined until a node of the cluster has answered. */
  get clusterId(): string | undefined {
    return this.#clusterId
  }

  get membership(): MembershipView | undefined {
    return this.#membership
  }

  /** One node's own view, whatever its cluster; one attempt. Rejects with a CallFailure. */
  async nodeStatus(address: string, timeoutMs: number): Promise<NodeStatus> {
    const node = this.#connections.to(address)
    const times = {timeoutMs, signal: this.#signal}
    const wire = await unary(address, node.cluster.status.bind(node.cluster), {}, times)
    return nodeStatusOf(address, wire)
  }

  /**
   * Asks every known node at once, then those that the answers name. Resolves with what answered in
   * time; rejects with RAFTCTL_WRONG_CLUSTER only. `untilLeader`: resolves as soon as one leads, and
   * `silentMs` after the first answer if none does by then.
   */
  async survey(
    timeoutMs: number,
    {untilLeader = false, silentMs = timeoutMs} = {},
  ): Promise<Survey> {
    const certain = this.#clusterId !== undefined || this.#endpoints.length === 1
    const answered: NodeStatus[] = []
    const failures = new Map<string, string>()
    let distrust: RaftctlError | undefined
    let late = false
    let slowestMs = 0
    const asked = new Set<string>()
    const end = deadlineAfter(timeoutMs)

    await new Promise<void>((resolve, reject) => {
      let open = 0
      let timer: NodeJS.Timeout | undefined
      let silent: NodeJS.Timeout | undefined
      const onAbort = () => reject(interrupted())
      this.#signal?.addEventListener('abort', onAbort, {once: true})
      const finish = () => {
        clearTimeout(timer)
        clearTimeout(silent)
        this.#signal?.removeEventListener('abort', onAbort)
        resolve()
      }
      const ask = (address: string) => {
        if (asked.has(address)) return
        asked.add(address)
        open += 1
        this.nodeStatus(address, Math.max(1, end.remainingMs())).then(
          status => {
            answered.push(status)
            slowestMs = timeoutMs - end.remainingMs()
            const foreign = this.#clusterId !== undefined && status.clusterId !== this.#clusterId
            if (!foreign) {
              this.#termMax = Math.max(this.#termMax, status.term)
              for (const member of status.membership.members) ask(member.address)
            }
            open -= 1
            // A leader of an older term may not know yet that it was deposed: hear the others.
            const leads = status.raftRole === 'leader' && !foreign && status.term >= this.#termMax
            if (open === 0 || (untilLeader && leads && certain)) finish()
            else if (untilLeader && leads) timer ??= setTimeout(finish, HEAR_OUT_MS)
            else if (untilLeader && !foreign && certain) silent ??= setTimeout(finish, silentMs)
          },
          (error: unknown) => {
            const failure = unwrap(error)
            failures.set(address, (failure as Error).message)
            if (isDistrust(failure)) distrust ??= failure
            late ||= (failure as RaftctlError).code === 'RAFTCTL_TIMED_OUT'
            open -= 1
            if (open === 0) finish()
          },
        )
      }
      for (const address of this.#addresses()) ask(address)
      if (asked.size === 0) finish()
    })
    if (this.#signal?.aborted) throw interrupted()
    return {...this.#learn(answered, failures), distrust, late, slowestMs}
  }

  /**
   * Every member's own view, for people. Where those that answer take long, so may the others: they
   * are asked once more, and given the time.
   */
  async everyone(timeoutMs: number): Promise<Survey> {
    const survey = await this.survey(timeoutMs)
    const slowMs = Math.min(SLOW_TIMES * survey.slowestMs, this.#timeoutMs)
    return survey.late && slowMs > timeoutMs ? this.survey(slowMs) : survey
  }

  /**
   * The address of the leader: the one last known, or found by asking around until the deadline.
   * RAFTCTL_UNREACHABLE, RAFTCTL_NO_QUORUM, RAFTCTL_NO_LEADER, RAFTCTL_NOT_INITIALISED,
   * RAFTCTL_WRONG_CLUSTER.
   */
  async leader(deadline: Deadline = deadlineAfter(this.#timeoutMs)): Promise<string> {
    const knock = deadlineAfter(Math.min(KNOCK_MS, deadline.remainingMs()))
    let heard: Survey | undefined
    let statusMs = STATUS_MS
    for (let attempt = 0; this.#leader === undefined; attempt++) {
      const ms = Math.max(50, Math.min(statusMs, deadline.remainingMs()))
      const silentMs = HEAR_SILENT_MS * 2 ** Math.min(attempt, 10)
      const survey = await this.survey(ms, {untilLeader: true, silentMs})
      const found = leaderOf(survey.answers)?.endpoint
      if (found !== undefined) {
        this.#leader = found
        break
      }

      const silent = survey.answers.length === 0
      const pristine = survey.strangers.length > 0 && silent
      // One that was reached and says nothing may be slow: only the deadline tells.
      const givenUp = silent && !survey.late && !this.#everAnswered && knock.expired()
      if (silent && survey.late) statusMs *= 2
      if (silent && survey.distrust !== undefined) throw survey.distrust
      // Just before the deadline nobody has the time to answer: what was heard before says more.
      if (!silent || ms >= FAIR_MS) heard = survey
      if (pristine || givenUp || deadline.expired()) throw this.#noLeader(heard ?? survey, deadline)
      const electing = !silent && attempt < ELECTION_ROUNDS
      const wanted = electing ? ELECTION_NAP_MS * (1 + Math.random()) : backoffMs(attempt)
      const nap = Math.min(wanted, Math.max(1, deadline.remainingMs()))
      await pause(nap, this.#signal)
    }
    return this.#leader
  }

  /** Forgets the leader, or follows where an error pointed. */
  leaderWas(address: string, redirect?: string): void {
    if (this.#leader !== undefined && this.#leader !== address) return
    this.#leader = redirect === address ? undefined : redirect
  }

  /**
   * Who leads in place of the silent node at `address`, as far as the others know; undefined when
   * nobody does. Those who ask at one time share an answer.
   */
  replacementOf(address: string): Promise<string | undefined> {
    this.#opinion ??= this.survey(STATUS_MS, {untilLeader: true, silentMs: HEAR_SILENT_MS})
      .then(
        ({answers}) => {
          const leader = leaderOf(answers)
          // Of an older term: one that does not know yet that it was deposed.
          return leader !== undefined && leader.term >= this.#termMax ? leader.endpoint : undefined
        },
        () => undefined,
      )
      .finally(() => {
        this.#opinion = undefined
      })
    return this.#opinion.then(found => (found === address ? undefined : found))
  }

  /**
   * The answer, unless the node is silent and another leads by now: then rejects, and nobody knows
   * whether it acted.
   */
  async #unlessReplaced<T>(address: string, answer: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined
    let settled = false
    const replaced = new Promise<never>((_, reject) => {
      const ask = () => {
        timer = setTimeout(async () => {
          const leader = await this.replacementOf(address)
          if (settled) return
          if (leader === undefined) ask()
          else reject(new CallFailure(replacedBy(address, leader), false))
        }, SILENCE_MS)
      }
      ask()
    })
    try {
      return await Promise.race([answer, replaced])
    } finally {
      settled = true
      clearTimeout(timer)
    }
  }

  /** Runs one call on the leader, again and again as far as `repeat` allows, until the deadline. */
  async onLeader<T>(
    repeat: Repeat,
    run: (attempt: Attempt) => Promise<T>,
    timeoutMs = this.#timeoutMs,
  ): Promise<T> {
    const deadline = deadlineAfter(timeoutMs)
    let inDoubt = false
    let sent = false
    let patienceMs = ATTEMPT_MS
    for (let attempt = 0; ; attempt++) {
      let failure: unknown
      let redirected = false
      let address: string | undefined
      try {
        address = await this.leader(deadline)
        const node = this.#connections.to(address)
        const left = Math.max(1, deadline.remainingMs())
        await node.ready(Math.min(left, STATUS_MS), this.#signal)
        const attemptMs = repeat === 'once' ? left : Math.min(left, patienceMs)
        sent ||= repeat !== 'read'
        const answer = run({node, timeoutMs: attemptMs})
        return await (repeat === 'once' ? answer : this.#unlessReplaced(address, answer))
      } catch (error) {
        if (isInterrupted(error) && sent) throw doubt(error, repeat)
        if (!(error instanceof CallFailure) && !isUnready(error, address)) {
          throw inDoubt ? doubt(error, repeat) : unwrap(error)
        }
        failure = error
      }

      const unclear = failure instanceof CallFailure && isUnclear(failure)
      const error = unwrap(failure) as RaftctlError
      if (unclear && repeat === 'once') throw doubt(error, repeat)
      inDoubt ||= unclear && repeat === 'exact'
      if (error.code === 'RAFTCTL_TIMED_OUT') patienceMs *= 2
      sent = inDoubt
      if (!unclear && !REPEATABLE.has(error.code)) {
        throw inDoubt && error.code === 'RAFTCTL_SESSION_EXPIRED' ? doubt(error, repeat) : error
      }
      if (!KEEPS_LEADER.has(error.code)) {
        // One redirect is news; several in a row are nodes that disagree: ask around instead.
        redirected = error.leader !== undefined && attempt < 3
        this.leaderWas(address!, redirected ? error.leader : undefined)
      }
      // An attempt without the time for an answer would only cast doubt.
      const nap = redirected ? 0 : backoffMs(attempt)
      if (deadline.remainingMs() < nap + ANSWER_MS) {
        throw inDoubt ? doubt(error, repeat) : lastWord(error, deadline)
      }
      await pause(nap, this.#signal).catch(cause => {
        throw inDoubt ? doubt(cause, repeat) : cause
      })
    }
  }

  #addresses(): Set<string> {
    const members = this.#membership?.members.map(member => member.address) ?? []
    return new Set([...members, ...this.#endpoints])
  }

  #learn(answered: readonly NodeStatus[], failures: ReadonlyMap<string, string>): Heard {
    const initialised = answered.filter(node => node.clusterId !== '')
    const ids = new Set(initialised.map(node => node.clusterId))
    if (this.#clusterId === undefined) {
      if (ids.size > 1) {
        throw new RaftctlError(
          'RAFTCTL_WRONG_CLUSTER',
          `the endpoints belong to different clusters: ${[...ids].join(', ')}`,
          {hint: 'Name endpoints of one cluster only.', details: {clusterIds: [...ids]}},
        )
      }
      this.#clusterId = initialised[0]?.clusterId
    }
    const mine = initialised.filter(
      node => node.clusterId === this.#clusterId && node.raftRole !== 'removed',
    )
    const strangers = answered.filter(node => node.clusterId !== this.#clusterId)
    const foreign = strangers.find(node => node.clusterId !== '')
    if (mine.length === 0 && foreign !== undefined) {
      throw new RaftctlError(
        'RAFTCTL_WRONG_CLUSTER',
        `${foreign.endpoint} belongs to cluster ${foreign.clusterId}, not to ${this.#clusterId}`,
        {
          hint: 'Check the endpoints and the context: raftctl talks to one cluster at a time.',
          details: {expected: this.#clusterId, found: foreign.clusterId},
        },
      )
    }
    this.#everAnswered ||= mine.length > 0
    const newest = newestMembership(mine)
    if (newest !== undefined && newest.index >= (this.#membership?.index ?? 0)) {
      this.#membership = newest
    }
    return {answers: mine, failures, strangers}
  }

  #noLeader(survey: Survey, deadline: Deadline): RaftctlError {
    const reasons = [...survey.failures.values()]
    if (survey.answers.length === 0) {
      const pristine = survey.strangers.find(node => node.clusterId === '')
      if (pristine !== undefined) {
        return new RaftctlError(
          'RAFTCTL_NOT_INITIALISED',
          `${pristine.endpoint} runs, but belongs to no cluster yet`,
          {hint: 'Make it a cluster with "raftctl init", or add it with "raftctl member add".'},
        )
      }
      return new RaftctlError('RAFTCTL_UNREACHABLE', `no node answers: ${reasons.join('; ')}`, {
        hint: 'Check that the nodes run and that the endpoints are right.',
        details: {endpoints: [...this.#addresses()]},
      })
    }

    const {voters = []} = this.#membership ?? {}
    const heard = voters.filter(id => survey.answers.some(node => node.nodeId === id)).length
    const needed = majorityOf(voters.length)
    const counted = `${heard} of ${voters.length} voters answer, ${needed} are needed`
    const details = {votersAnswering: heard, voters: voters.length, quorum: needed, reasons}
    return heard < needed
      ? new RaftctlError('RAFTCTL_NO_QUORUM', `no quorum: ${counted}`, {
          hint: 'Start the missing nodes; "raftctl status" shows which.',
          details,
        })
      : new RaftctlError(
          'RAFTCTL_NO_LEADER',
          `no member came to lead within ${spell(deadline.timeoutMs)}: ${counted}`,
          {hint: 'Try again; if it goes on, see "raftctl status".', details},
        )
  }
}

/** Codes after which the same node still leads. */
const KEEPS_LEADER: ReadonlySet<ErrorCode> = new Set([
  'RAFTCTL_OVERLOADED',
  'RAFTCTL_CHANGE_IN_FLIGHT',
])

/** A comparison that failed is an answer, though the caller may try again with newer knowledge. */
const REPEATABLE: ReadonlySet<ErrorCode> = new Set([
  'RAFTCTL_NO_LEADER',
  'RAFTCTL_NOT_LEADER',
  'RAFTCTL_NO_QUORUM',
  'RAFTCTL_OVERLOADED',
  'RAFTCTL_DISK_LOW',
  'RAFTCTL_UNREACHABLE',
  'RAFTCTL_NOT_INITIALISED',
  'RAFTCTL_TIMED_OUT',
  'RAFTCTL_CHANGE_IN_FLIGHT',
  'RAFTCTL_MEMBER_REMOVED',
])

/** Nobody can tell whether the node acted. */
export function isUnclear({answered, error}: CallFailure): boolean {
  return (
    !answered || error.code === 'RAFTCTL_OUTCOME_UNKNOWN' || error.code === 'RAFTCTL_NODE_STOPPED'
  )
}

/** Of a node that is silent, where others follow `leader`. */
export function replacedBy(address: string, leader: string): RaftctlError {
  const text = `${address} does not answer, and ${leader} leads by now`
  return new RaftctlError('RAFTCTL_TIMED_OUT', text, {leader})
}

/** The leader's channel could not be made ready: nothing was sent. */
function isUnready(error: unknown, address: string | undefined): boolean {
  return (
    address !== undefined && error instanceof RaftctlError && error.code === 'RAFTCTL_UNREACHABLE'
  )
}

/** "Not me" is news for the client only: to the caller it means that nobody led in time. */
export function lastWord(error: RaftctlError, {timeoutMs}: Deadline): RaftctlError {
  if (error.code !== 'RAFTCTL_NOT_LEADER') return error
  const text = `no member came to lead within ${spell(timeoutMs)}: ${error.message}`
  return new RaftctlError('RAFTCTL_NO_LEADER', text, {
    hint: 'Try again; if it goes on, see "raftctl status".',
    cause: error,
  })
}

function isInterrupted(error: unknown): boolean {
  return error instanceof RaftctlError && error.code === 'RAFTCTL_INTERRUPTED'
}

function doubt(cause: unknown, repeat: Repeat): unknown {
  if (repeat === 'read') return unwrap(cause)
  const error = unwrap(cause)
  if (isInterrupted(error)) {
    return new RaftctlError('RAFTCTL_INTERRUPTED', 'interrupted after the change was sent', {
      hint: 'It may or may not have taken effect: read back before you try again.',
      details: {sent: true},
      cause,
    })
  }
  const why = error instanceof Error ? error.message : String(error)
  return new RaftctlError(
    'RAFTCTL_OUTCOME_UNKNOWN',
    `the change was sent, but its outcome is unknown (${why})`,
    {hint: 'Read back what holds before you try again.', cause},
  )
}

/** May the same call be made again, of this node or of another? */
export function isRepeatable(code: ErrorCode): boolean {
  return REPEATABLE.has(code)
}

/** The same for a question, where it does not matter whether it was answered before. */
export function isPassing(failure: CallFailure): boolean {
  return isUnclear(failure) || isRepeatable(failure.error.code)
}

/** Not let in, or not trusted: exit status 16. */
function isDistrust(error: unknown): error is RaftctlError {
  return error instanceof RaftctlError && error.spec.exit === 16
}
