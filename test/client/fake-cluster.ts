/**
 * Nodes that speak the real services over real sockets and hold no Raft: who leads is what the test
 * says, and all of them share one key-value state with real sessions.
 */
import * as grpc from '@grpc/grpc-js'
import {type ErrorCode, RaftctlError} from '../../src/errors.js'
import {decodeCommand} from '../../src/kv/command.js'
import {encodeAnswers, type PipelineAnswer, readWrites} from '../../src/kv/pipeline-records.js'
import {EntriesHash} from '../../src/rpc/entries-hash.js'
import * as cluster from '../../src/rpc/gen/raftctl/v1/cluster.js'
import type * as common from '../../src/rpc/gen/raftctl/v1/common.js'
import * as kv from '../../src/rpc/gen/raftctl/v1/kv.js'
import * as log from '../../src/rpc/gen/raftctl/v1/log.js'
import {toServiceError} from '../../src/rpc/status.js'

export class FakeState {
  readonly values = new Map<string, {value: string; version: number}>()
  readonly answers = new Map<string, kv.PutResponse>()
  /** Every command in the order of its application, duplicates that were not applied left out. */
  readonly applied: string[] = []
  sessions = 0
  index = 0

  put(request: kv.PutRequest): kv.PutResponse {
    const {sessionId, sequence} = request.write!
    const id = `${sessionId}/${sequence}`
    const before = this.answers.get(id)
    if (before !== undefined) return before
    this.index += 1
    const key = request.key.toString()
    const previous = this.values.get(key)?.version ?? 0
    this.values.set(key, {value: request.value.toString(), version: this.index})
    this.applied.push(key)
    const answer = {version: BigInt(this.index), previousVersion: BigInt(previous)}
    if (sessionId !== 0n) this.answers.set(id, answer)
    return answer
  }
}

export interface FakeOptions {
  readonly id: number
  readonly cluster: FakeCluster
  readonly pristine?: boolean
  readonly clusterId?: string
}

type Before = (
  request: kv.PutRequest,
) => 'apply' | 'apply-and-cut' | 'cut' | 'ignore' | RaftctlError

export class FakeNode {
  readonly id: number
  readonly storeId: string
  readonly cluster: FakeCluster
  address = ''
  term = 1
  leads = false
  pristine: boolean
  clusterId: string
  /** Entries of the log that this node serves. */
  entries: common.LogEntry[] = []
  commitIndex = 0
  progress: cluster.PeerProgress[] = []
  /** Decides what becomes of a write; the default applies it. */
  beforePut: Before = () => 'apply'
  /** What it says that others reach it at, if not where it listens. */
  advertised: string | undefined
  statusCalls = 0
  /** So many calls for the status stay without an answer. */
  statusSilences = 0
  timeMs = 1_700_000_000_000n
  readonly seenPuts: kv.PutRequest[] = []
  /** How long the caller of each put meant to wait, milliseconds. */
  readonly putTimesMs: number[] = []
  changeMembership: (
    request: cluster.ChangeMembershipRequest,
  ) => cluster.ChangeMembershipResponse | RaftctlError | 'cut' = () =>
    new RaftctlError('RAFTCTL_REFUSED', 'not scripted')
  /** What joining makes of this node. */
  onJoin: () => void = () => {}
  /** Refuses to join as long as it is set. */
  joinFailure: RaftctlError | undefined
  #server: grpc.Server | undefined
  readonly #streams = new Set<grpc.ServerDuplexStream<unknown, unknown>>()

  constructor({id, cluster: owner, pristine = false, clusterId = 'c1'}: FakeOptions) {
    this.id = id
    this.storeId = `store-${id}`
    this.cluster = owner
    this.pristine = pristine
    this.clusterId = clusterId
  }

  async start(): Promise<void> {
    const server = new grpc.Server({'grpc.max_receive_message_length': 16 * 1024 * 1024})
    server.addService(cluster.ClusterServiceService, this.#clusterService())
    server.addService(kv.KeyValueServiceService, this.#kvService())
    server.addService(log.LogServiceService, {
      logEntriesRange: (
        call: grpc.ServerWritableStream<log.LogEntriesRangeRequest, log.LogEntriesPage>,
      ) => this.#logEntries(call),
      follow: (call: grpc.ServerWritableStream<log.FollowRequest, log.LogEntriesPage>) =>
        this.#follow(call),
      terms: (
        call: grpc.ServerUnaryCall<log.TermsRequest, log.TermsResponse>,
        done: grpc.sendUnaryData<log.TermsResponse>,
      ) => {
        const answer = this.#terms(call.request)
        if (answer instanceof RaftctlError) done(toServiceError(answer))
        else done(null, answer)
      },
    })
    const wanted = this.address === '' ? '127.0.0.1:0' : this.address
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(wanted, grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      )
    })
    this.address = `127.0.0.1:${port}`
    this.#server = server
  }

  /** Cuts every connection at once, as a killed process does. */
  kill(): void {
    this.leads = false
    this.#server?.forceShutdown()
    this.#server = undefined
  }

  #notLeader(): RaftctlError {
    const leader = this.cluster.leader
    return new RaftctlError('RAFTCTL_NOT_LEADER', `node ${this.id} does not lead`, {
      leader: leader?.address,
    })
  }

  #clusterService() {
    const unary =
      <Request, Response>(
        answer: (request: Request) => Response | RaftctlError | 'cut' | 'ignore',
      ) =>
      (call: grpc.ServerUnaryCall<Request, Response>, done: grpc.sendUnaryData<Response>) => {
        const response = answer(call.request)
        if (response === 'cut') this.kill()
        else if (response === 'ignore') return
        else if (response instanceof RaftctlError) done(toServiceError(response))
        else done(null, response)
      }
    const unscripted = new RaftctlError('RAFTCTL_REFUSED', 'not scripted')
    return {
      status: unary(() => (this.statusSilences-- > 0 ? 'ignore' : this.#status())),
      initialise: unary(() => unscripted),
      join: unary(() => {
        if (this.joinFailure !== undefined) return this.joinFailure
        this.pristine = false
        this.onJoin()
        return {}
      }),
      changeMembership: unary((request: cluster.ChangeMembershipRequest) =>
        this.leads ? this.changeMembership(request) : this.#notLeader(),
      ),
      transferLeadership: unary((request: cluster.TransferLeadershipRequest) =>
        this.leads ? this.#transfer(Number(request.target)) : this.#notLeader(),
      ),
      membershipHistory: unary(({limit}: cluster.MembershipHistoryRequest) => ({
        changes: limit === 0 ? this.cluster.history : this.cluster.history.slice(-limit),
      })),
    }
  }

  #status(): cluster.StatusResponse {
    this.statusCalls += 1
    const base = cluster.StatusResponse.fromPartial({
      storeId: this.storeId,
      address: this.advertised ?? this.address,
      name: `n${this.id}`,
      version: '0.0.0',
      timeMs: this.timeMs,
    })
    if (this.pristine) return {...base, role: 'pristine'}
    return {
      ...base,
      clusterId: this.clusterId,
      nodeId: BigInt(this.id),
      role: this.leads ? 'leader' : 'follower',
      term: BigInt(this.term),
      leaderId: BigInt(this.cluster.leader?.id ?? 0),
      firstIndex: this.entries[0]?.index ?? 1n,
      lastIndex: BigInt(this.commitIndex),
      commitIndex: BigInt(this.commitIndex),
      membership: this.cluster.membership(),
      progress: this.leads ? this.progress : [],
    }
  }

  /** Leadership goes where it is asked to, at once. */
  #transfer(target: number): cluster.TransferLeadershipResponse | RaftctlError {
    const {nodes, learners} = this.cluster
    const place = nodes.findIndex(({id}) =>
      target === 0 ? id !== this.id && !learners.includes(id) : id === target,
    )
    if (place === -1) return new RaftctlError('RAFTCTL_REFUSED', 'there is no other voter')
    const leader = this.cluster.elect(place)
    // Whoever scripts the leader scripts the next one too.
    leader.changeMembership = this.changeMembership
    return {from: BigInt(this.id), to: BigInt(leader.id), term: BigInt(leader.term)}
  }

  #terms({from, to, ranges}: log.TermsRequest): log.TermsResponse | RaftctlError {
    const firstIndex = this.entries[0]?.index ?? 1n
    const commitIndex = BigInt(this.commitIndex)
    if (from < firstIndex) {
      return new RaftctlError('RAFTCTL_LOG_COMPACTED', `the log begins at ${firstIndex}`, {
        details: {firstIndex: Number(firstIndex)},
      })
    }
    const held = this.entries.filter(
      ({index}) => index >= from && index <= to && index <= commitIndex,
    )
    const length = Math.max(1, Math.ceil(held.length / ranges))
    const answer: log.EntryRange[] = []
    for (let at = 0; at < held.length; at += length) {
      const part = held.slice(at, at + length)
      const hash = new EntriesHash()
      for (const {index, term, kind, data} of part) {
        hash.add({index: Number(index), term: Number(term), kind: kind as 'command', data})
      }
      answer.push({
        firstIndex: part[0]!.index,
        lastIndex: part.at(-1)!.index,
        firstTerm: part[0]!.term,
        lastTerm: part.at(-1)!.term,
        checksum: hash.digest(),
      })
    }
    return {ranges: answer, firstIndex, commitIndex}
  }

  #kvService() {
    return {
      openSession: (_: unknown, done: grpc.sendUnaryData<kv.OpenSessionResponse>) => {
        if (!this.leads) return done(toServiceError(this.#notLeader()))
        this.cluster.state.sessions += 1
        done(null, {sessionId: BigInt(this.cluster.state.sessions)})
      },
      put: (
        call: grpc.ServerUnaryCall<kv.PutRequest, kv.PutResponse>,
        done: grpc.sendUnaryData<kv.PutResponse>,
      ) => {
        this.putTimesMs.push(Number(call.getDeadline()) - Date.now())
        const outcome = this.#put(call.request)
        if (outcome instanceof RaftctlError) done(toServiceError(outcome))
        else if (outcome !== undefined) done(null, outcome)
      },
      get: (
        call: grpc.ServerUnaryCall<kv.GetRequest, kv.GetResponse>,
        done: grpc.sendUnaryData<kv.GetResponse>,
      ) => {
        if (!this.leads) return done(toServiceError(this.#notLeader()))
        const found = this.cluster.state.values.get(call.request.key.toString())
        done(null, {
          found: found !== undefined,
          value: Buffer.from(found?.value ?? ''),
          version: BigInt(found?.version ?? 0),
          appliedIndex: BigInt(this.cluster.state.index),
        })
      },
      delete: () => {},
      range: () => {},
      pipeline: (call: grpc.ServerDuplexStream<kv.PipelineRequest, kv.PipelineResponse>) => {
        this.#streams.add(call as never)
        call.on('error', () => {})
        call.on('data', (request: kv.PipelineRequest) => {
          const results = operationsOf(request).flatMap(operation => this.#operate(operation))
          const answers = encodeAnswers(results.flatMap(answerOf))
          const failures = results.filter(({result}) => result?.$case === 'error')
          if (results.length > 0 && !call.cancelled) call.write({results: failures, answers})
        })
        call.on('end', () => call.end())
      },
    }
  }

  #operate({id, operation}: kv.PipelineOperation): kv.PipelineResult[] {
    if (operation?.$case !== 'put') throw new Error('the fake knows puts only')
    const outcome = this.#put(operation.value)
    if (outcome === undefined) return []
    if (!(outcome instanceof RaftctlError)) return [{id, result: {$case: 'put', value: outcome}}]
    const {code, message, hint = '', leader = ''} = outcome
    return [{id, result: {$case: 'error', value: {code, message, hint, leaderAddress: leader}}}]
  }

  #put(request: kv.PutRequest): kv.PutResponse | RaftctlError | undefined {
    this.seenPuts.push(request)
    if (!this.leads) return this.#notLeader()
    const decision = this.beforePut(request)
    if (decision instanceof RaftctlError) return decision
    if (decision === 'ignore') return undefined
    const answer = decision === 'cut' ? undefined : this.cluster.state.put(request)
    if (decision === 'apply') return answer
    this.kill()
    return undefined
  }

  #follow(call: grpc.ServerWritableStream<log.FollowRequest, log.LogEntriesPage>) {
    let next = call.request.from
    const look = () => {
      const commitIndex = BigInt(this.commitIndex)
      const entries = this.entries.filter(({index}) => index >= next && index <= commitIndex)
      next = entries.length === 0 ? next : entries.at(-1)!.index + 1n
      call.write({entries, commitIndex, firstIndex: this.entries[0]?.index ?? 1n})
    }
    const timer = setInterval(look, 10)
    for (const event of ['cancelled', 'close', 'error']) call.on(event, () => clearInterval(timer))
    look()
  }

  #logEntries(call: grpc.ServerWritableStream<log.LogEntriesRangeRequest, log.LogEntriesPage>) {
    const {from, to} = call.request
    const first = this.entries[0]?.index ?? 1n
    if (from !== 0n && from < first) {
      const error = new RaftctlError('RAFTCTL_LOG_COMPACTED', `the log begins at ${first}`, {
        details: {firstIndex: Number(first)},
      })
      call.emit('error', toServiceError(error))
      return
    }
    const chosen = this.entries.filter(
      ({index}) => index >= from && index <= to && index <= BigInt(this.commitIndex),
    )
    const commitIndex = BigInt(this.commitIndex)
    if (chosen.length === 0) call.write({entries: [], commitIndex, firstIndex: first})
    let left = this.entriesBeforeCut
    for (const entry of chosen) {
      if (left-- === 0) {
        setTimeout(() => this.kill(), 20)
        return
      }
      call.write({entries: [entry], commitIndex, firstIndex: first})
    }
    call.end()
  }

  /** After so many entries of one range this node is gone. */
  entriesBeforeCut = Number.POSITIVE_INFINITY
}

/** The puts that came as bytes. */
function operationsOf({writes}: kv.PipelineRequest): kv.PipelineOperation[] {
  const operations: kv.PipelineOperation[] = []
  readWrites(writes, (id, data) => {
    const command = decodeCommand(data)
    if (command.op !== 'put') throw new Error('the fake knows puts only')
    const {sessionId, sequence, lowestUnanswered} = command.session!
    const write = {
      sessionId: BigInt(sessionId),
      sequence: BigInt(sequence),
      lowestUnanswered: BigInt(lowestUnanswered),
    }
    const key = Buffer.from(command.key)
    const value = {key, value: Buffer.from(command.value), write, expectedVersion: undefined}
    operations.push({id: BigInt(id), operation: {$case: 'put', value}})
  })
  return operations
}

function answerOf({id, result}: kv.PipelineResult): PipelineAnswer[] {
  if (result?.$case !== 'put') return []
  const {version, previousVersion} = result.value
  const put = {version: Number(version), previousVersion: Number(previousVersion)}
  return [{id: Number(id), result: {kind: 'put', ...put}}]
}

export class FakeCluster {
  readonly nodes: FakeNode[] = []
  readonly state = new FakeState()
  readonly clusterId: string
  membershipIndex = 1
  learners: number[] = []
  nextMemberId = 0
  history: cluster.AppliedMembership[] = []
  stage = 'uniform'
  target: common.MembershipTarget | undefined

  constructor(clusterId = 'c1') {
    this.clusterId = clusterId
  }

  get leader(): FakeNode | undefined {
    return this.nodes.find(node => node.leads)
  }

  get addresses(): string[] {
    return this.nodes.map(node => node.address)
  }

  /** The node at this place of `nodes` leads from now on, in a new term. */
  elect(place: number): FakeNode {
    const term = Math.max(...this.nodes.map(node => node.term)) + 1
    for (const node of this.nodes) {
      node.leads = false
      node.term = term
    }
    const leader = this.nodes[place]!
    leader.leads = true
    leader.progress = this.nodes
      .filter(node => node !== leader)
      .map(node => progressOf(node.id, {}))
    return leader
  }

  membership(): common.Membership {
    const members = this.nodes
    return {
      index: BigInt(this.membershipIndex),
      members: members.map(({id, address, storeId}) => ({
        id: BigInt(id),
        name: `n${id}`,
        address,
        storeId,
        promoteWhenReady: false,
      })),
      voters: members.filter(({id}) => !this.learners.includes(id)).map(({id}) => BigInt(id)),
      votersOutgoing: [],
      learners: this.learners.map(BigInt),
      learnersNext: [],
      observers: [],
      nextMemberId: BigInt(this.nextMemberId || members.length + 1),
      origin: undefined,
      stage: this.stage,
      target: this.target,
    }
  }

  stop(): void {
    for (const node of this.nodes) node.kill()
  }
}

export function progressOf(
  id: number,
  fields: Partial<cluster.PeerProgress>,
): cluster.PeerProgress {
  return {
    id: BigInt(id),
    matchIndex: 0n,
    nextIndex: 1n,
    state: 'replicate',
    lastContactMs: 5n,
    inFlight: 0,
    lag: 0n,
    recentlyActive: true,
    connection: 'connected',
    queuedBytes: 0n,
    lagging: false,
    caughtUp: false,
    entriesPerSecond: 0,
    ...fields,
  }
}

/** Voters 1 to `count`, started; the first leads. */
export async function startFakes(count: number, clusterId = 'c1'): Promise<FakeCluster> {
  const fakes = new FakeCluster(clusterId)
  for (let id = 1; id <= count; id++) {
    const node = new FakeNode({id, cluster: fakes, clusterId})
    await node.start()
    fakes.nodes.push(node)
  }
  fakes.elect(0)
  return fakes
}

export function entry(index: number): common.LogEntry {
  return {index: BigInt(index), term: 1n, kind: 'command', data: Buffer.from(`data ${index}`)}
}

/** The error that a promise rejects with. */
export async function errorOf(promise: Promise<unknown>): Promise<RaftctlError> {
  try {
    await promise
  } catch (error) {
    if (error instanceof RaftctlError) return error
    throw error
  }
  throw new Error('it did not reject')
}

export async function codeOf(promise: Promise<unknown>): Promise<ErrorCode> {
  return (await errorOf(promise)).code
}
