/**
 * The composition root of a node: the only place where the real parts meet.
 *
 *   data directory ─▶ log, snapshots, state ─▶ NodeRuntime ◀─▶ PeerTransport ◀─▶ one port
 *
 * A pristine node has a port and a directory only; `join` gives it the rest.
 */
import {randomBytes, randomInt, randomUUID} from 'node:crypto'
import {hostname} from 'node:os'
import {RaftctlError} from './errors.js'
import {countContent} from './kv/content.js'
import {LmdbStateMachine} from './kv/lmdb-state-machine.js'
import {keyValueService} from './kv/service.js'
import type {DiskSpace, JoinPlan, NodeHost, NodeRuntimeApi, SnapshotUpload} from './node/api.js'
import type {NodeIdentity} from './node/ports.js'
import {NodeRuntime} from './node/runtime.js'
import type {NodeSettings} from './node/settings.js'
import {DEFAULT_SETTINGS} from './node/settings.js'
import {systemClock} from './node/system-clock.js'
import {decodeEntry} from './raft/entry.js'
import {groupId, logIndex, term} from './raft/types.js'
import {KeyValueServiceService} from './rpc/gen/raftctl/v1/kv.js'
import {LOG_LEVELS, type LogLevel, type LogSink} from './rpc/log.js'
import {bindMetricsPort} from './rpc/metrics/metrics-port.js'
import {NodeFigures} from './rpc/metrics/node-figures.js'
import {type NodeSecurityFiles, nodeSecurity} from './rpc/node-security.js'
import {PeerTransport} from './rpc/peer/transport.js'
import type {ChannelSecurity} from './rpc/security.js'
import {bindServer} from './rpc/server.js'
import {illOf} from './rpc/service/health-service.js'
import {nodeServices} from './rpc/services.js'
import {Tracer} from './rpc/tracer.js'
import type {DataDirectory} from './storage/data-directory.js'
import {openDataDirectory} from './storage/data-directory.js'
import {DiskGauge} from './storage/disk-gauge.js'
import {NodeFileSystem} from './storage/node-file-system.js'
import {openSnapshotStore} from './storage/snapshot-store.js'
import {SnapshotUploads} from './storage/snapshot-upload.js'
import {openWal} from './storage/wal/wal.js'
import {readWal} from './storage/wal/wal-reader.js'

export interface LogRecord {
  readonly level: LogLevel
  readonly event: string
  readonly [field: string]: unknown
}

export interface DaemonOptions {
  readonly dataDir: string
  /** HOST:PORT; port 0 takes a free one. */
  readonly listen: string
  /** HOST:PORT under which others reach this node; where it listens by default. */
  readonly advertise?: string
  /** Its name among the members; the host's by default. */
  readonly name?: string
  readonly version: string
  /** HOST:PORT of /metrics and /healthz over HTTP; not served by default. */
  readonly metricsListen?: string | undefined
  /** Without any file the node is open to all who can reach it. */
  readonly security?: NodeSecurityFiles
  readonly settings?: Partial<NodeSettings>
  readonly log: (record: LogRecord) => void
  /** The least that is logged; default info. */
  readonly logLevel?: LogLevel | undefined
}

export interface Daemon {
  /** HOST:PORT that is listened on, the port a real one. */
  readonly address: string
  /** The same of the HTTP port, where there is one. */
  readonly metricsAddress: string | undefined
  /** Resolves after `stop`; rejects with what stopped the node: a failure, or its removal. */
  readonly done: Promise<void>
  /** Hands leadership over, seals the log, frees port and directory; every caller waits for that. */
  stop(): Promise<void>
}

const GROUP = groupId(1)
/** Snapshots and clean-up rest as long between two pieces: about 90 MiB a second are left to them. */
const BACKGROUND_PAUSE_MS = 1

/**
 * Starts a node. RAFTCTL_DIRECTORY_IN_USE, RAFTCTL_NOT_PRISTINE, RAFTCTL_DATA_DAMAGED,
 * RAFTCTL_FORMAT_NEWER, RAFTCTL_PORT_IN_USE, RAFTCTL_INPUT_OUTPUT: nothing is left running.
 */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const fs = new NodeFileSystem({pauseMs: BACKGROUND_PAUSE_MS})
  const directory = await openDataDirectory(fs, options.dataDir)
  const undo = [() => directory.release()]
  try {
    const reporting = reportingOf(options)
    const {log, callTracer} = reporting
    const security = await nodeSecurity(options.security ?? {}, log)
    undo.unshift(async () => security.stop())
    const {access, tls, channels} = security
    const server = await bindServer({listen: options.listen, log, access, tls, tracer: callTracer})
    undo.unshift(() => server.stop())
    security.onRenewal(now => server.renew(now))
    const node = new NodeProcess(options, reporting, fs, directory, server.address, channels)
    undo.unshift(() => node.stop())
    await node.start()
    const kv = keyValueService(node, () => node.stateMachine)
    const figures = new NodeFigures({
      host: node,
      transport: node.transport,
      openConnections: () => server.connectionCount,
    })
    server.serve([
      ...nodeServices({
        host: node,
        transport: node.transport,
        figures,
        membershipHistory: () => node.stateMachine?.membershipHistory() ?? [],
        tickMs: node.settings.tickMs,
        security: channels,
      }),
      {definition: KeyValueServiceService, handlers: kv},
    ])
    const {metricsListen} = options
    const metricsPort =
      metricsListen === undefined
        ? undefined
        : await bindMetricsPort({
            listen: metricsListen,
            access,
            tls,
            log,
            metrics: () => figures.prometheus(),
            ill: () => illOf(node),
          })
    security.onRenewal(now => metricsPort?.renew(now))
    let stopped: Promise<void> | undefined
    const stop = async () => {
      await metricsPort?.stop()
      await node.stop()
      await server.stop()
      security.stop()
      await directory.release()
    }
    return {
      address: server.address,
      metricsAddress: metricsPort?.address,
      done: node.done,
      stop: () => {
        stopped ??= stop()
        return stopped
      },
    }
  } catch (error) {
    for (const step of undo) await step().catch(() => undefined)
    throw error
  }
}

/** Where a node tells what happens to it. */
interface Reporting {
  readonly log: LogSink
  readonly tracer: Tracer
  /** The same, where each message and each call is to be told. */
  readonly callTracer: Tracer | undefined
}

function reportingOf({log: write, logLevel = 'info'}: DaemonOptions): Reporting {
  const most = LOG_LEVELS.indexOf(logLevel)
  const log: LogSink = (level, event, fields = {}) => {
    if (LOG_LEVELS.indexOf(level) <= most) write({level, event, ...fields})
  }
  const tracer = new Tracer(log)
  return {log, tracer, callTracer: logLevel === 'trace' ? tracer : undefined}
}

/** What a node with an identity runs. */
interface Group {
  readonly runtime: NodeRuntime
  readonly stateMachine: LmdbStateMachine
}

class NodeProcess implements NodeHost {
  readonly storeId: string
  readonly processNonce = randomUUID()
  readonly address: string
  readonly name: string
  readonly version: string
  readonly startedMs = Date.now()
  readonly settings: NodeSettings
  readonly transport: PeerTransport
  readonly done: Promise<void>
  removed = false

  readonly #reporting: Reporting
  readonly #fs: NodeFileSystem
  readonly #directory: DataDirectory
  #group: Group | undefined
  #snapshots: Awaited<ReturnType<typeof openSnapshotStore>> | undefined
  readonly #uploads: SnapshotUploads
  #joining: Promise<void> | undefined
  #isJoining = false
  #stopping: Promise<void> | undefined
  /** The first thing that stopped the node, if it was not told to. */
  #failure: unknown
  readonly #disk: DiskGauge
  #finish: (failure?: unknown) => void = () => {}

  constructor(
    options: DaemonOptions,
    reporting: Reporting,
    fs: NodeFileSystem,
    directory: DataDirectory,
    listening: string,
    channels: ChannelSecurity,
  ) {
    this.#reporting = reporting
    this.#fs = fs
    this.#directory = directory
    this.#disk = new DiskGauge(directory.path)
    const paths = directory.groupPaths(GROUP)
    this.#uploads = new SnapshotUploads(fs, paths, countContent)
    this.address = options.advertise ?? listening
    this.name = options.name ?? hostname()
    this.version = options.version
    this.settings = {...DEFAULT_SETTINGS, ...options.settings}
    this.storeId =
      directory.identity?.storeId ??
      SnapshotUploads.heldStoreId(fs, paths) ??
      randomBytes(16).toString('hex')
    this.transport = new PeerTransport({
      host: () => this,
      snapshots: () => this.#snapshots,
      security: channels,
      snapshotBytesPerSecond: this.settings.snapshotBytesPerSecond,
      snapshotChunkBytes: this.settings.snapshotChunkBytes,
      log: (level, event, fields) => this.#log(level, event, fields),
    })
    this.done = new Promise((resolve, reject) => {
      this.#finish = failure => (failure === undefined ? resolve() : reject(failure))
    })
    this.done.catch(() => undefined)
  }

  /** As of at most a few seconds ago: a file system that hangs must not hold up who asks. */
  get diskSpace(): DiskSpace | undefined {
    this.#disk.refresh()
    const {latest} = this.#disk
    return latest && {...latest, isLow: latest.freeBytes < this.settings.lowDiskBytes}
  }
  get freeBytes(): number | undefined {
    this.#disk.refresh()
    return this.#disk.latest?.freeBytes
  }
  get identity(): NodeIdentity | undefined {
    return this.#group ? this.#directory.identity : undefined
  }
  get runtime(): NodeRuntimeApi | undefined {
    return this.#group?.runtime
  }
  get stateMachine(): LmdbStateMachine | undefined {
    return this.#group?.stateMachine
  }

  async start(): Promise<void> {
    const {identity} = this.#directory
    await this.#uploads.sweep({isPristine: identity === undefined})
    if (identity) await this.#openGroup(identity)
    else {
      await this.#refuseOrphanedLog()
      this.#log('info', 'pristine', {storeId: this.storeId})
    }
  }

  async join(plan: JoinPlan): Promise<void> {
    // One at a time: the second caller finds what the first one made.
    const earlier = this.#joining
    this.#joining = (async () => {
      await earlier?.catch(() => undefined)
      this.#isJoining = true
      await this.#join(plan).finally(() => {
        this.#isJoining = false
      })
    })()
    return this.#joining
  }

  async receiveUpload(bytes: number): Promise<SnapshotUpload> {
    if (this.#stopping) throw new RaftctlError('RAFTCTL_NODE_STOPPED', 'this node is stopping')
    if (this.#directory.identity) throw taken(this.#directory.identity)
    if (this.#isJoining) {
      throw new RaftctlError('RAFTCTL_CHANGE_IN_FLIGHT', 'this node is just joining a cluster', {
        hint: 'Try again in a moment.',
      })
    }
    return this.#uploads.begin(bytes, this.storeId)
  }

  /** Every caller waits for the same end; a failure on the way counts, if it is the first. */
  stop(failure?: unknown): Promise<void> {
    this.#failure ??= failure
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    const failed = (error: unknown) => {
      this.#log('error', 'stop', {error: `${error}`})
      this.#failure ??= error
    }
    await this.#joining?.catch(() => undefined)
    await this.#group?.runtime.stop().catch(failed)
    await this.transport.stop().catch(failed)
    this.#log('info', 'stopped', {})
    this.#finish(this.#failure)
  }

  async #join({identity, membership, firstRecord, restores}: JoinPlan): Promise<void> {
    if (this.#stopping) throw new RaftctlError('RAFTCTL_NODE_STOPPED', 'this node is stopping')
    const held = this.#directory.identity
    if (held) {
      const same =
        held.clusterId === identity.clusterId &&
        held.nodeId === identity.nodeId &&
        held.storeId === identity.storeId
      if (same) return
      throw taken(held)
    }
    if (identity.storeId !== this.storeId) {
      throw new RaftctlError(
        'RAFTCTL_WRONG_STORE',
        'this node was started anew since it was asked',
        {
          hint: 'Try again.',
        },
      )
    }
    if (restores === undefined) await this.#prepareLog(firstRecord)
    else
      await this.#uploads.unpack(restores, {identity, group: GROUP, membership: () => membership})
    // From here on the node is that member, whatever happens: everything before counts for nothing.
    try {
      await this.#directory.writeIdentity(identity)
      await this.#uploads.sweep({isPristine: false})
      await this.#openGroup(identity)
    } catch (error) {
      // The directory may be a member's now, which only a restart takes up.
      this.#failed(error)
      throw error
    }
    this.transport.setMembership(membership)
    this.#log('info', 'joined', {clusterId: identity.clusterId, nodeId: identity.nodeId})
  }

  /** A new log, with the first entry of a new cluster, committed by agreement of all its voters. */
  async #prepareLog(firstRecord: Uint8Array | undefined): Promise<void> {
    const first = firstRecord && decodeEntry(firstRecord)
    if (firstRecord && (first?.kind !== 'membership' || first.index !== 1 || first.term !== 1)) {
      throw new RaftctlError('RAFTCTL_USAGE', 'the first entry of a cluster is a membership', {})
    }
    const paths = this.#directory.groupPaths(GROUP)
    await this.#discardLog(paths.wal)
    const {wal} = await openWal(this.#fs, paths.wal)
    try {
      if (first) {
        await wal.append({
          reset: undefined,
          hardState: {term: term(1), votedFor: undefined, commitIndex: logIndex(1)},
          entries: [first],
        })
      }
    } finally {
      await wal.close()
    }
  }

  /**
   * An attempt to join leaves a log of the first entry at most. More than that without an identity is
   * a member's log whose node.json is gone: nothing that a newcomer may overwrite.
   */
  async #refuseOrphanedLog(): Promise<void> {
    const {wal} = this.#directory.groupPaths(GROUP)
    if (this.#fs.kindOf(wal) === undefined || this.#fs.list(wal).length === 0) return
    const log = await readWal(this.#fs, wal)
    log.close()
    const {term: lastTerm, votedFor} = log.hardState
    if (log.lastIndex <= 1 && lastTerm <= 1 && votedFor === undefined) return
    throw new RaftctlError(
      'RAFTCTL_DATA_DAMAGED',
      `${this.#directory.path} holds a log up to index ${log.lastIndex}, but no node.json`,
      {
        hint: 'Restore node.json from a backup, or start with an empty directory and run "raftctl member replace".',
        details: {file: `${this.#directory.path}/node.json`, lastIndex: log.lastIndex},
      },
    )
  }

  /** What an attempt to join left that did not come to an end was never promised to anybody. */
  async #discardLog(path: string): Promise<void> {
    if (this.#fs.kindOf(path) === undefined) return
    for (const name of this.#fs.list(path)) this.#fs.remove(`${path}/${name}`)
    await this.#fs.syncDirectory(path)
  }

  async #openGroup(identity: NodeIdentity): Promise<void> {
    const opened: {close(): Promise<void>}[] = []
    try {
      await this.#open(identity, opened)
    } catch (error) {
      for (const part of opened.reverse()) await part.close().catch(() => undefined)
      throw error
    }
  }

  async #open(identity: NodeIdentity, opened: {close(): Promise<void>}[]): Promise<void> {
    const paths = this.#directory.groupPaths(GROUP)
    const {wal, recovery} = await openWal(this.#fs, paths.wal, {mustExist: true})
    opened.push(wal)
    if (recovery.cut) this.#log('warn', 'log-tail-cut', {...recovery.cut})
    if (recovery.shortened) this.#log('warn', 'log-segment-shortened', {...recovery.shortened})
    const store = await openSnapshotStore(this.#fs, paths.snapshots, {
      clusterId: identity.clusterId,
      groupId: GROUP,
      wallMs: systemClock.wallMs,
      onUnusable: ({file, error}) => {
        this.#log('warn', 'snapshot-unusable', {file, error: error.message})
      },
    })
    const stateMachine = await LmdbStateMachine.open(paths.state)
    opened.push(stateMachine)
    this.#snapshots = store
    const {callTracer} = this.#reporting
    const runtime = await NodeRuntime.start({
      nodeId: identity.nodeId,
      groupId: GROUP,
      settings: this.settings,
      random: () => randomInt(0x1_0000_0000),
      clock: systemClock,
      transport: this.transport,
      log: wal,
      stateMachine,
      snapshots: store,
      disk: this,
      events: {
        failed: error => this.#failed(error),
        removed: () => this.#leave(identity),
        note: (event, fields) => this.#note(event, fields),
        message: callTracer && ((direction, message) => callTracer.message(direction, message)),
      },
    })
    this.#group = {runtime, stateMachine}
    this.transport.setMembership(runtime.status().membership)
    const {firstIndex, lastIndex, commitIndex, lastApplied} = runtime.status()
    const log = {firstIndex, lastIndex, commitIndex, lastApplied}
    this.#log('info', 'started', {clusterId: identity.clusterId, nodeId: identity.nodeId, ...log})
  }

  #failed(error: unknown): void {
    this.#log('error', 'failed', {error: error instanceof Error ? error.message : String(error)})
    void this.stop(error)
  }

  #leave({nodeId}: NodeIdentity): void {
    this.removed = true
    void this.stop(
      new RaftctlError('RAFTCTL_MEMBER_REMOVED', `member ${nodeId} was removed from the cluster`, {
        hint: 'Its data directory is of no more use; a new member needs an empty one.',
        details: {memberId: nodeId},
      }),
    )
  }

  #note(event: string, fields: object): void {
    const span = event === 'role' ? this.#reporting.tracer.roleChanged() : {}
    this.#log('info', event, {...fields, ...span})
  }

  #log(level: LogLevel, event: string, fields: object = {}): void {
    this.#reporting.log(level, event, {...fields})
  }
}

function taken(held: NodeIdentity): RaftctlError {
  return new RaftctlError(
    'RAFTCTL_NOT_PRISTINE',
    `this node is member ${held.nodeId} of cluster ${held.clusterId}`,
    {hint: 'Give the new member an empty data directory.', details: {...held}},
  )
}
