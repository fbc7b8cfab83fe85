import {RaftctlError} from '../errors.js'
import {membershipToWire} from '../rpc/codec.js'
import type * as wire from '../rpc/gen/raftctl/v1/cluster.js'
import type {KeyValueServiceClient} from '../rpc/gen/raftctl/v1/kv.js'
import {securityOf} from '../rpc/security.js'
import {CallFailure, serverStream, unary, unwrap} from './call.js'
import {mergeStatus} from './cluster-status.js'
import {Connections, checkAddress} from './connections.js'
import {KeyValueCalls} from './key-value-calls.js'
import {followLog} from './log-follower.js'
import {readLog} from './log-reader.js'
import {Pipeline} from './pipeline.js'
import {type Attempt, Router} from './router.js'
import {downloadSnapshot} from './snapshot-reader.js'
import {type SnapshotWrite, type Uploaded, uploadSnapshot} from './snapshot-writer.js'
import type * as types from './types.js'
import {watchChanges} from './watch-reader.js'
import {
  appliedMembershipOf,
  entryRangesOf,
  membershipViewOf,
  nodeStatusOf,
  sampleOf,
  snapshotOf,
} from './wire.js'

/** How long a member may take to say how it is, unless all are slow; then it is unreachable. */
const MEMBER_STATUS_MS = 1000

/** Whose membership a joining node is to start from. */
export interface JoinPlan {
  readonly clusterId: string
  readonly nodeId: number
  readonly storeId: string
}

/** The place of a node in a cluster that begins with a snapshot. */
export interface RestoredJoinPlan extends JoinPlan {
  /** Of the snapshot's file, in hex. */
  readonly sha256: string
  /** The new cluster's, or that of a node that has joined it already. */
  readonly membership: Parameters<typeof membershipToWire>[0] | {readonly of: string}
}

/**
 * Typed calls to one cluster. Every call rejects with a RaftctlError: RAFTCTL_UNREACHABLE when no
 * node answers, RAFTCTL_NO_QUORUM or RAFTCTL_NO_LEADER when none leads until the deadline,
 * RAFTCTL_OUTCOME_UNKNOWN when a change was sent and never answered, or what the node said.
 */
export class ClusterClient {
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
  readonly #connections: Connections
  readonly #router: Router
  readonly #kv: KeyValueCalls
  readonly #pipelines = new Set<Pipeline>()

  /**
   * Connects nothing yet: the first call does. RAFTCTL_USAGE for an address that is none, and the
   * errors of `securityOf`.
   */
  constructor(options: types.ClientOptions) {
    if (options.endpoints.length === 0) {
      throw new RaftctlError('RAFTCTL_USAGE', 'there is no endpoint to connect to', {
        hint: 'Name one with --endpoint HOST:PORT.',
      })
    }
    options.endpoints.forEach(checkAddress)
    this.timeoutMs = options.timeoutMs
    this.signal = options.signal
    this.#connections = new Connections(options.security && securityOf(options.security))
    this.#router = new Router(options, this.#connections)
    this.#kv = new KeyValueCalls(this.#router, options)
  }

  static async open(options: types.ClientOptions): Promise<ClusterClient> {
    return new ClusterClient(options)
  }

  /** One node's own view, whatever cluster it belongs to, pristine too. */
  async nodeStatus(
    address: string,
    timeoutMs = Math.min(this.timeoutMs, MEMBER_STATUS_MS * 3),
  ): Promise<types.NodeStatus> {
    checkAddress(address)
    return this.#router.nodeStatus(address, timeoutMs).catch(rethrow)
  }

  /**
   * Asks every member at once; what does not answer within a second, while the others do so in a
   * fraction of it, is shown as unreachable. Without a leader the answer says so. RAFTCTL_UNREACHABLE, RAFTCTL_NOT_INITIALISED, RAFTCTL_WRONG_CLUSTER.
   */
  async clusterStatus(): Promise<types.ClusterStatus> {
    const timeoutMs = Math.min(MEMBER_STATUS_MS, this.timeoutMs)
    let survey = await this.#router.everyone(timeoutMs)
    if (survey.answers.length === 0) {
      // Waits for a node that is just starting, or says what is wrong.
      await this.#router.leader()
      survey = await this.#router.everyone(timeoutMs)
    }
    const {clusterId} = this.#router
    if (survey.answers.length === 0 || clusterId === undefined) {
      throw new RaftctlError('RAFTCTL_UNREACHABLE', 'no node answers', {
        hint: 'Check that the nodes run and that the endpoints are right.',
      })
    }
    return mergeStatus(clusterId, survey)
  }

  /** The leader's own view. */
  async leaderStatus(): Promise<types.NodeStatus> {
    return this.#router.onLeader('read', async ({node, timeoutMs}) => {
      const answer = await unary(
        node.address,
        node.cluster.status.bind(node.cluster),
        {},
        this.#time(timeoutMs),
      )
      const status = nodeStatusOf(node.address, answer)
      if (status.raftRole === 'leader') return status
      this.#router.leaderWas(node.address)
      const text = `${node.address} leads no longer`
      throw new CallFailure(new RaftctlError('RAFTCTL_NO_LEADER', text), true)
    })
  }

  /** Makes the pristine node at `address` the first of a new cluster. Idempotent under one id. */
  async initialise(
    address: string,
    clusterId: string,
    voters: readonly types.NewMember[],
    origin: types.ChangeOrigin = NO_ORIGIN,
  ): Promise<{clusterId: string; nodeId: number}> {
    const node = this.#connections.to(address)
    const request: wire.InitialiseRequest = {
      clusterId,
      voters: voters.map(({address: at, name}, i) => ({
        id: BigInt(i + 1),
        name,
        address: at,
        storeId: '',
        promoteWhenReady: false,
      })),
      origin: originOf(origin),
    }
    const answer = await unary(
      address,
      node.cluster.initialise.bind(node.cluster),
      request,
      this.#time(),
    ).catch(rethrow)
    return {clusterId: answer.clusterId, nodeId: Number(answer.nodeId)}
  }

  /** Gives a pristine node its place in this cluster, with the leader's membership to begin with. */
  async join(address: string, plan: JoinPlan): Promise<void> {
    const membership = await this.#router.onLeader('read', async ({node, timeoutMs}) => {
      const answer = await unary(
        node.address,
        node.cluster.status.bind(node.cluster),
        {},
        this.#time(timeoutMs),
      )
      return answer.membership
    })
    const node = this.#connections.to(address)
    const request: wire.JoinRequest = {
      clusterId: plan.clusterId,
      nodeId: BigInt(plan.nodeId),
      storeId: plan.storeId,
      membership,
      firstRecord: Buffer.alloc(0),
      restores: Buffer.alloc(0),
    }
    await unary(address, node.cluster.join.bind(node.cluster), request, this.#time()).catch(rethrow)
  }

  /**
   * The pristine node at `address` gets a snapshot file, checks all of it, and stays pristine.
   * RAFTCTL_NOT_PRISTINE, RAFTCTL_DATA_DAMAGED.
   */
  uploadSnapshot(
    address: string,
    file: Pick<SnapshotWrite, 'sizeBytes' | 'pieces' | 'checkMs' | 'onBytes'>,
  ): Promise<Uploaded> {
    const {timeoutMs, signal} = this
    return uploadSnapshot(this.#connections.to(address), {...file, timeoutMs, signal})
  }

  /**
   * Makes a node a member of the new cluster that begins with the snapshot that it was sent. Idempotent.
   * RAFTCTL_NOT_PRISTINE, RAFTCTL_WRONG_STORE, RAFTCTL_REFUSED: it holds no such upload.
   */
  async joinRestored(address: string, plan: RestoredJoinPlan, timeoutMs: number): Promise<void> {
    const node = this.#connections.to(address)
    const {membership} = plan
    const request: wire.JoinRequest = {
      clusterId: plan.clusterId,
      nodeId: BigInt(plan.nodeId),
      storeId: plan.storeId,
      membership:
        'of' in membership
          ? (await this.#statusOf(membership.of)).membership
          : membershipToWire(membership),
      firstRecord: Buffer.alloc(0),
      restores: Buffer.from(plan.sha256, 'hex'),
    }
    const method = node.cluster.join.bind(node.cluster)
    await unary(address, method, request, this.#time(timeoutMs)).catch(rethrow)
  }

  async changeMembership(
    change: types.MembershipChange,
    {expectedIndex, origin = NO_ORIGIN}: types.MembershipChangeOptions = {},
  ): Promise<types.MembershipChanged> {
    const request: wire.ChangeMembershipRequest = {
      change: changeOf(change),
      expectedIndex: BigInt(expectedIndex ?? 0),
      origin: originOf(origin),
      whenReady: change.kind === 'promote' && change.whenReady,
    }
    const answer = await this.#router.onLeader('once', ({node, timeoutMs}) =>
      unary(
        node.address,
        node.cluster.changeMembership.bind(node.cluster),
        request,
        this.#time(timeoutMs),
      ),
    )
    return {
      before: membershipViewOf(answer.before),
      after: membershipViewOf(answer.after),
      memberId: answer.memberId === 0n ? null : Number(answer.memberId),
      changed: answer.changed,
    }
  }

  /** The changes that the leader remembers, oldest first; the newest `limit` of them. */
  async membershipHistory(limit = 0): Promise<types.AppliedMembership[]> {
    const answer = await this.#router.onLeader('read', ({node, timeoutMs}) =>
      unary(
        node.address,
        node.cluster.membershipHistory.bind(node.cluster),
        {limit},
        this.#time(timeoutMs),
      ),
    )
    return answer.changes.map(appliedMembershipOf)
  }

  /**
   * Fingerprints of the committed entries that the member at `address` holds, in `count` ranges of
   * about equal length. RAFTCTL_LOG_COMPACTED where the first of them is gone.
   */
  async entryRanges(
    address: string,
    {from, to, count}: {from: number; to: number; count: number},
  ): Promise<types.EntryRanges> {
    const node = this.#connections.to(address)
    const request = {from: BigInt(from), to: BigInt(to), ranges: count}
    const answer = await unary(address, node.log.terms.bind(node.log), request, this.#time()).catch(
      rethrow,
    )
    return entryRangesOf(answer)
  }

  /** `target` undefined: the most caught-up other voter. Answers when it leads. */
  async transferLeadership(target: number | undefined): Promise<types.LeaderChange> {
    const request = {target: BigInt(target ?? 0)}
    const answer = await this.#router.onLeader('once', async ({node, timeoutMs}) => {
      const done = await unary(
        node.address,
        node.cluster.transferLeadership.bind(node.cluster),
        request,
        this.#time(timeoutMs),
      )
      this.#router.leaderWas(node.address)
      return done
    })
    return {from: Number(answer.from), to: Number(answer.to), term: Number(answer.term)}
  }

  /**
   * Committed entries of the inclusive range, as fast as the caller takes them. From the leader, and
   * over its change; or from the member at `address`. RAFTCTL_LOG_COMPACTED, with the first available
   * index, also when compaction overtakes the reader.
   */
  logEntriesRange(from: number, to: number, address?: string): AsyncIterable<types.LogEntry> {
    const {timeoutMs, signal} = this
    return readLog(this.#router, this.#connections, {from, to, address, timeoutMs, signal})
  }

  /** The same, going on with what commits later; what is not committed yet is waited for. */
  followLog(from: number, to: number, address?: string): AsyncIterable<types.LogEntry> {
    const {timeoutMs, signal} = this
    return followLog(this.#router, this.#connections, {from, to, address, timeoutMs, signal})
  }

  /**
   * On the leader, or on the member at `address`; answers when it is verified and in place.
   * `linearizable`: it holds every write that was acknowledged before, whoever makes it.
   */
  async createSnapshot(
    address?: string,
    {linearizable = false, timeoutMs = this.timeoutMs} = {},
  ): Promise<types.Snapshot & {address: string}> {
    const create = async ({node, timeoutMs: leftMs}: Attempt) => {
      const method = node.snapshots.create.bind(node.snapshots)
      const answer = await unary(node.address, method, {linearizable}, this.#time(leftMs))
      return {...snapshotOf(answer), address: node.address}
    }
    if (address === undefined) return this.#router.onLeader('once', create, timeoutMs)
    return create({node: this.#connections.to(address), timeoutMs}).catch(rethrow)
  }

  /**
   * The file of a snapshot of the node at `address`, in pieces, as fast as the caller takes them. A
   * stream that broke is taken up where it ended. RAFTCTL_SNAPSHOT_NOT_FOUND.
   */
  downloadSnapshot(address: string, id: string): AsyncIterable<Uint8Array> {
    const {timeoutMs, signal} = this
    return downloadSnapshot(this.#connections.to(address), {id, timeoutMs, signal})
  }

  /** On the leader, or on the member at `address`. RAFTCTL_SNAPSHOT_NOT_FOUND, RAFTCTL_REFUSED. */
  async deleteSnapshot(id: string, address?: string): Promise<void> {
    const node = this.#connections.to(address ?? (await this.#router.leader()))
    const method = node.snapshots.delete.bind(node.snapshots)
    await unary(node.address, method, {id}, this.#time()).catch(rethrow)
  }

  /** Of the leader, or of the member at `address`; newest last. */
  async listSnapshots(address?: string): Promise<types.Snapshot[]> {
    const node = this.#connections.to(address ?? (await this.#router.leader()))
    const answer = await unary(
      node.address,
      node.snapshots.list.bind(node.snapshots),
      {},
      this.#time(),
    ).catch(rethrow)
    return answer.snapshots.map(snapshotOf)
  }

  /** One sample at once, then one an interval or change, until the caller leaves the loop. */
  async *watchMetrics(
    address: string,
    {intervalMs, onChange = false, prometheus = false}: types.WatchMetrics,
  ): AsyncGenerator<types.Sample> {
    const node = this.#connections.to(address)
    const idleMs = intervalMs + this.timeoutMs
    const request = {intervalMs, onChange, prometheus}
    try {
      const stream = serverStream(address, {idleMs, signal: this.signal}, metadata =>
        node.metrics.watch(request, metadata),
      )
      for await (const sample of stream) yield sampleOf(sample)
    } catch (error) {
      throw unwrap(error)
    }
  }

  /** Applied once, however often it had to be sent. */
  put(
    key: Uint8Array,
    value: Uint8Array,
    options: {
      /** RAFTCTL_COMPARE_FAILED unless the key has this version; 0: it does not exist. */
      readonly expectedVersion?: number | undefined
    } = {},
  ): Promise<types.KeyPut> {
    return this.#kv.put(key, value, options)
  }

  /** Linearizable. undefined: there is no such key. */
  get(key: Uint8Array): Promise<types.KeyFound | undefined> {
    return this.#kv.get(key)
  }

  delete(key: Uint8Array): Promise<types.KeyDeleted> {
    return this.#kv.delete(key)
  }

  /** In key order; linearizable as of its first page. */
  range(options: types.RangeOptions = {}): AsyncIterable<types.KeyValue> {
    return this.#kv.range(options)
  }

  /** Every change from a version on, in log order, over changes of the leader. */
  watch(options: types.WatchOptions = {}): AsyncIterable<types.KeyChange> {
    const {timeoutMs, signal} = this
    return watchChanges(this.#router, this.#connections, {...options, timeoutMs, signal})
  }

  /** An entry at which every member takes the hash of its state; answers its index. */
  checkpoint(): Promise<number> {
    return this.#kv.checkpoint()
  }

  /**
   * The hash that the node at `address` took at a checkpoint, once it has applied that.
   * RAFTCTL_INDEX_NOT_FOUND when it has none.
   */
  async checkpointHash(address: string, index: number): Promise<string> {
    const node = this.#connections.to(address)
    const request = {index: BigInt(index)}
    const method = node.kv.hash.bind(node.kv)
    return (await unary(address, method, request, this.#time()).catch(rethrow)).hash
  }

  /** Many writes in flight on one stream, with a session of their own. */
  pipeline(): Pipeline {
    const connect = (address: string): KeyValueServiceClient => this.#connections.to(address).kv
    const pipeline = new Pipeline({
      router: this.#router,
      connect,
      timeoutMs: this.timeoutMs,
      signal: this.signal,
    })
    this.#pipelines.add(pipeline)
    return pipeline
  }

  /** Cuts every connection; what is still waiting is answered with a failure. */
  close(): void {
    for (const pipeline of this.#pipelines) pipeline.destroy()
    this.#connections.close()
  }

  #statusOf(address: string): Promise<wire.StatusResponse> {
    const {cluster} = this.#connections.to(address)
    return unary(address, cluster.status.bind(cluster), {}, this.#time()).catch(rethrow)
  }

  #time(timeoutMs = this.timeoutMs) {
    return {timeoutMs, signal: this.signal}
  }
}

const NO_ORIGIN: types.ChangeOrigin = {actor: '', reason: ''}

function originOf({actor, reason}: types.ChangeOrigin) {
  return {timeMs: BigInt(Date.now()), actor, reason}
}

function changeOf(change: types.MembershipChange): wire.ChangeMembershipRequest['change'] {
  switch (change.kind) {
    case 'add': {
      const {address, name, storeId, role, promoteWhenReady} = change
      const replaces = BigInt(change.replaces ?? 0)
      return {$case: 'add', value: {address, name, storeId, role, promoteWhenReady, replaces}}
    }
    case 'update': {
      const {id, address, name, promoteWhenReady} = change
      return {$case: 'update', value: {id: BigInt(id), address, name, promoteWhenReady}}
    }
    case 'set': {
      const {voters, learners} = change
      return {$case: 'set', value: {voters: voters.map(BigInt), learners: learners.map(BigInt)}}
    }
    case 'cancel':
      return {$case: 'cancel', value: {}}
    case 'promote':
    case 'demote':
    case 'remove':
      return {$case: change.kind, value: BigInt(change.id)}
  }
}

function rethrow(error: unknown): never {
  throw unwrap(error)
}
