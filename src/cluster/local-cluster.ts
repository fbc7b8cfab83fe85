/** Local clusters as a whole: make, list, start, stop. */
import {randomBytes} from 'node:crypto'
import {setTimeout as delay} from 'node:timers/promises'
import type {ClusterStatus} from '../client/types.js'
import {RaftctlError} from '../errors.js'
import {destroyCluster} from './destroy.js'
import type {NodeState} from './nodes.js'
import {endProcess, freeAddress, nodeStates, refuseHalfMade, startProcesses} from './nodes.js'
import type {Environment} from './paths.js'
import type {LocalCluster, LocalNode} from './registry.js'
import {findLocalCluster, readLocalClusters, updateCluster} from './registry.js'
import {reserve} from './reserve.js'
import {clientSecurity} from './secrets.js'

const PORT_ATTEMPTS = 3
const POLL_MS = 50
const CALL_MS = 20_000

export interface LocalInit {
  readonly env: Environment
  readonly name: string
  /** 1 to 9. */
  readonly nodes: number
  readonly dataDir: string | undefined
  /** Who types, for the history of the membership. */
  readonly actor: string
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
  readonly onStep?: (text: string) => void
}

export interface LocalInitialised {
  readonly cluster: LocalCluster
  readonly status: ClusterStatus
}

export interface LocalClusterState {
  readonly name: string
  readonly directory: string
  readonly clusterId: string | undefined
  readonly state: 'running' | 'partly-running' | 'stopped' | 'half-made'
  readonly nodes: readonly NodeState[]
}

/** How the nodes of a new cluster come to run: as processes, or within this one. */
export type StartNodes = (
  cluster: LocalCluster,
  nodes: readonly LocalNode[],
) => Promise<LocalCluster>

/**
 * Makes a local cluster and answers once a leader has committed. Whatever fails, an interruption
 * included, leaves nothing behind. See `reserve` for a name or directory that is taken.
 */
export async function initLocalCluster(init: LocalInit): Promise<LocalInitialised> {
  return makeLocalCluster(init, (cluster, nodes) =>
    startProcesses(cluster, nodes, {signal: init.signal}),
  )
}

export async function makeLocalCluster(
  init: LocalInit,
  start: StartNodes,
  stop: () => Promise<void> = async () => {},
): Promise<LocalInitialised> {
  const reserved = await reserve(init)
  try {
    init.onStep?.(`starting ${init.nodes} nodes`)
    const started = await startFreshNodes(reserved, init, start)
    init.onStep?.('making them a cluster')
    const clusterId = randomBytes(16).toString('hex')
    await initialise(started, clusterId, init)
    init.onStep?.('waiting for a leader that has committed')
    const status = await waitForLeader(started, {...init, clusterId})
    const cluster = await updateCluster(started.directory, now => ({
      ...now,
      state: 'ready',
      maker: undefined,
      clusterId,
    }))
    return {cluster, status}
  } catch (error) {
    await stop()
    await destroyCluster(init.env, init.name)
    throw init.signal?.aborted ? init.signal.reason : error
  }
}

export async function listClusters(
  env: Environment,
): Promise<{clusters: LocalClusterState[]; problems: string[]}> {
  const {clusters, problems} = await readLocalClusters(env)
  return {clusters: await Promise.all(clusters.map(clusterState)), problems}
}

export async function clusterState(cluster: LocalCluster): Promise<LocalClusterState> {
  const nodes = await nodeStates(cluster)
  const running = nodes.filter(node => node.pid !== undefined).length
  const {name, directory, clusterId} = cluster
  const state =
    cluster.state !== 'ready'
      ? 'half-made'
      : running === nodes.length
        ? 'running'
        : running === 0
          ? 'stopped'
          : 'partly-running'
  return {name, directory, clusterId, state, nodes}
}

/** Starts what does not run and answers once there is a leader. */
export async function startCluster(
  env: Environment,
  name: string,
  options: {readonly timeoutMs: number; readonly signal?: AbortSignal | undefined},
): Promise<{readonly state: LocalClusterState; readonly changed: boolean}> {
  const {directory} = await findLocalCluster(name, {env})
  let changed = false
  const after = await updateCluster(directory, async cluster => {
    refuseHalfMade(cluster)
    const states = await nodeStates(cluster)
    const idle = cluster.nodes.filter((_, i) => states[i]?.pid === undefined)
    changed = idle.length > 0
    return startProcesses(cluster, idle, options)
  })
  await waitForLeader(after, {...options, clusterId: after.clusterId})
  return {state: await clusterState(after), changed}
}

/** SIGTERM to all at once; whoever does not leave in time is killed, and named. */
export async function stopCluster(
  env: Environment,
  name: string,
): Promise<{readonly state: LocalClusterState; readonly changed: boolean; killed: string[]}> {
  const {directory} = await findLocalCluster(name, {env})
  const killed: string[] = []
  let changed = false
  const after = await updateCluster(directory, async cluster => {
    // One process may hold several nodes (`init --foreground`); it is asked once.
    const byPid = new Map(cluster.nodes.map(node => [node.process?.pid, node]))
    await Promise.all(
      [...byPid.values()].map(async node => {
        if (node.process === undefined) return
        try {
          changed = (await endProcess(node.name, node.process, 'SIGTERM')) || changed
        } catch {
          killed.push(node.name)
          changed = true
          await endProcess(node.name, node.process, 'SIGKILL')
        }
      }),
    )
    return {...cluster, nodes: cluster.nodes.map(node => ({...node, process: undefined}))}
  })
  return {state: await clusterState(after), changed, killed}
}

/** A port may be taken between looking and listening; then others are tried. */
async function startFreshNodes(
  reserved: LocalCluster,
  init: LocalInit,
  start: StartNodes,
): Promise<LocalCluster> {
  for (let attempt = 1; ; attempt += 1) {
    init.signal?.throwIfAborted()
    try {
      return await updateCluster(reserved.directory, async cluster => {
        const nodes: LocalNode[] = []
        for (let number = 1; number <= init.nodes; number += 1) {
          const address = await freeAddress(nodes)
          nodes.push({name: `node-${number}`, address, process: undefined})
        }
        const planned = {...cluster, nodes, nextNodeNumber: init.nodes + 1}
        return start(planned, nodes)
      })
    } catch (error) {
      if (attempt === PORT_ATTEMPTS || !isPortInUse(error)) throw error
      await killRecorded(reserved.directory)
    }
  }
}

async function killRecorded(directory: string): Promise<void> {
  await updateCluster(directory, async cluster => {
    for (const node of cluster.nodes) {
      if (node.process) await endProcess(node.name, node.process, 'SIGKILL')
    }
    return {...cluster, nodes: []}
  })
}

function isPortInUse(error: unknown): boolean {
  return error instanceof RaftctlError && error.code === 'RAFTCTL_PORT_IN_USE'
}

async function initialise(
  cluster: LocalCluster,
  clusterId: string,
  init: LocalInit,
): Promise<void> {
  const client = await clientOf(cluster, {...init, clusterId: undefined})
  try {
    const voters = cluster.nodes.map(({name, address}) => ({name, address}))
    const origin = {actor: init.actor, reason: 'init'}
    await client.initialise(voters[0]!.address, clusterId, voters, origin)
  } finally {
    await client.close()
  }
}

interface Waiting {
  readonly clusterId: string | undefined
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

/** RAFTCTL_NO_LEADER when none has committed within `timeoutMs`. */
export async function waitForLeader(cluster: LocalCluster, wait: Waiting): Promise<ClusterStatus> {
  const deadline = performance.now() + wait.timeoutMs
  const client = await clientOf(cluster, wait)
  try {
    for (;;) {
      wait.signal?.throwIfAborted()
      const status = await client.clusterStatus().catch(retryable)
      if (status && status.leaderId !== null && status.commitIndex > 0 && knowsAll(status)) {
        return status
      }
      if (performance.now() > deadline) {
        throw new RaftctlError('RAFTCTL_NO_LEADER', 'no leader has committed in time', {
          hint: `The logs of the nodes are in ${cluster.directory}/logs.`,
        })
      }
      await delay(POLL_MS)
    }
  } finally {
    await client.close()
  }
}

/** Every member that answers has its place: none is pristine any more. */
function knowsAll(status: ClusterStatus): boolean {
  return status.members.every(member => member.raftRole !== 'pristine')
}

function retryable(error: unknown): undefined {
  if (error instanceof RaftctlError && error.spec.retry) return undefined
  throw error
}

async function clientOf(cluster: LocalCluster, wait: Waiting) {
  const {ClusterClient} = await import('../client/cluster-client.js')
  return new ClusterClient({
    endpoints: cluster.nodes.map(node => node.address),
    clusterId: wait.clusterId,
    security: await clientSecurity(cluster.directory),
    timeoutMs: Math.min(CALL_MS, wait.timeoutMs),
    signal: wait.signal,
  })
}
