/** Nodes of a local cluster: which one is meant, is it running, start it, end it. */
import {rm} from 'node:fs/promises'
import {RaftctlError} from '../errors.js'
import {startNodeProcess} from './node-process.js'
import {freePort} from './ports.js'
import type {ProcessIdentity} from './processes.js'
import {isAlive, signalProcess, waitForExit} from './processes.js'
import type {LocalCluster, LocalNode} from './registry.js'
import {nodeDataPath, nodeIdOf, nodeLogPath, updateCluster, writeCluster} from './registry.js'
import {ensureSecrets, nodeSecrets} from './secrets.js'

/** A clean stop hands leadership over and seals the log. */
const STOP_MS = 30_000
const KILL_MS = 15_000

export interface StartOptions {
  readonly signal?: AbortSignal | undefined
  /** error, warn, info, debug or trace; default info. */
  readonly logLevel?: string | undefined
}

export interface NodeState {
  readonly name: string
  readonly id: number | undefined
  readonly address: string
  /** undefined: not running. */
  readonly pid: number | undefined
  readonly dataPath: string
  readonly logPath: string
}

export async function nodeStates(cluster: LocalCluster): Promise<NodeState[]> {
  return Promise.all(cluster.nodes.map(node => nodeState(cluster, node)))
}

/** By id, name or address. RAFTCTL_MEMBER_NOT_FOUND names those there are. */
export async function findNode(cluster: LocalCluster, wanted: string): Promise<LocalNode> {
  for (const node of cluster.nodes) {
    if (node.name === wanted || node.address === wanted) return node
    if (/^\d+$/.test(wanted) && (await nodeIdOf(cluster, node)) === Number(wanted)) return node
  }
  const known = await Promise.all(
    cluster.nodes.map(async node => `${(await nodeIdOf(cluster, node)) ?? '-'} (${node.name})`),
  )
  throw new RaftctlError(
    'RAFTCTL_MEMBER_NOT_FOUND',
    `local cluster "${cluster.name}" has no node "${wanted}"`,
    {hint: `Its nodes are: ${known.join(', ')}.`},
  )
}

/** Makes a new pristine node with the next name and starts it. */
export async function startNewNode(
  directory: string,
  options: {readonly signal?: AbortSignal | undefined} = {},
): Promise<NodeState> {
  let name = ''
  await updateCluster(directory, async cluster => {
    refuseHalfMade(cluster)
    name = `node-${cluster.nextNodeNumber}`
    const address = await freeAddress(cluster.nodes)
    return {
      ...cluster,
      nextNodeNumber: cluster.nextNodeNumber + 1,
      nodes: [...cluster.nodes, {name, address, process: undefined}],
    }
  })
  return (await startNode(directory, name, options)).node
}

/** Forgets a node that never became a member: its process is killed and its record removed. */
export async function discardNode(directory: string, name: string): Promise<void> {
  await killNode(directory, name)
  await updateCluster(directory, async cluster => {
    await rm(nodeDataPath(directory, name), {recursive: true, force: true})
    await rm(nodeLogPath(directory, name), {force: true})
    await rm(`${nodeLogPath(directory, name)}.1`, {force: true})
    return {...cluster, nodes: cluster.nodes.filter(node => node.name !== name)}
  })
}

/** `changed` is false when it was running already. */
export async function startNode(
  directory: string,
  wanted: string,
  options: StartOptions = {},
): Promise<{readonly node: NodeState; readonly changed: boolean}> {
  let changed = false
  let name = ''
  const after = await updateCluster(directory, async cluster => {
    if (cluster.state === 'destroying') refuseHalfMade(cluster)
    const node = await findNode(cluster, wanted)
    name = node.name
    if (node.process && (await isAlive(node.process))) return cluster
    changed = true
    return startProcesses(cluster, [node], options)
  })
  return {node: await nodeState(after, nodeNamed(after, name)), changed}
}

/** SIGTERM, then wait. RAFTCTL_TIMED_OUT when it does not leave. */
export async function stopNode(
  directory: string,
  wanted: string,
): Promise<{readonly node: NodeState; readonly changed: boolean}> {
  return endNode(directory, wanted, 'SIGTERM', STOP_MS)
}

/** SIGKILL: what a crash does. */
export async function killNode(
  directory: string,
  wanted: string,
): Promise<{readonly node: NodeState; readonly changed: boolean}> {
  return endNode(directory, wanted, 'SIGKILL', KILL_MS)
}

async function endNode(
  directory: string,
  wanted: string,
  signal: 'SIGTERM' | 'SIGKILL',
  waitMs: number,
) {
  let changed = false
  let name = ''
  const after = await updateCluster(directory, async cluster => {
    const node = await findNode(cluster, wanted)
    name = node.name
    if (node.process) changed = await endProcess(node.name, node.process, signal, waitMs)
    return withProcess(cluster, node.name, undefined)
  })
  return {node: await nodeState(after, nodeNamed(after, name)), changed}
}

/** Answers whether there was a process to end. RAFTCTL_TIMED_OUT. */
export async function endProcess(
  name: string,
  target: ProcessIdentity,
  signal: 'SIGTERM' | 'SIGKILL',
  waitMs: number = signal === 'SIGTERM' ? STOP_MS : KILL_MS,
): Promise<boolean> {
  // Nodes embedded here are stopped by whoever embeds them.
  if (target.pid === process.pid) return false
  const signalled = await signalProcess(target, signal)
  if (!(await waitForExit(target, waitMs))) {
    throw new RaftctlError(
      'RAFTCTL_TIMED_OUT',
      `${name} (process ${target.pid}) is still there after ${waitMs / 1_000} s`,
      {hint: `Look at its log, or end it with "raftctl node kill ${name}".`},
    )
  }
  return signalled
}

export function withProcess(
  cluster: LocalCluster,
  name: string,
  process: ProcessIdentity | undefined,
): LocalCluster {
  const nodes = cluster.nodes.map(node => (node.name === name ? {...node, process} : node))
  return {...cluster, nodes}
}

/** A cluster that is being made or destroyed takes no new processes. */
export function refuseHalfMade(cluster: LocalCluster): void {
  if (cluster.state === 'ready') return
  throw new RaftctlError('RAFTCTL_REFUSED', `local cluster "${cluster.name}" is not whole`, {
    hint: `Remove what is left of it: raftctl cluster destroy --name ${cluster.name}`,
  })
}

/**
 * Starts processes side by side, each recorded before it may do anything. Only inside the lock of an
 * update. The first failure is thrown once all of them have been tried.
 */
export async function startProcesses(
  cluster: LocalCluster,
  nodes: readonly LocalNode[],
  options: StartOptions = {},
): Promise<LocalCluster> {
  await ensureSecrets(cluster.directory)
  let now = cluster
  let writing: Promise<void> = Promise.resolve()
  const record = (name: string, process: ProcessIdentity) => {
    now = withProcess(now, name, process)
    writing = writing.then(() => writeCluster(now))
    return writing
  }
  const starts = await Promise.allSettled(
    nodes.map(node =>
      startNodeProcess({
        name: node.name,
        dataPath: nodeDataPath(cluster.directory, node.name),
        logPath: nodeLogPath(cluster.directory, node.name),
        listen: node.address,
        secrets: nodeSecrets(cluster.directory),
        signal: options.signal,
        logLevel: options.logLevel,
        record: process => record(node.name, process),
      }),
    ),
  )
  const failed = starts.find(start => start.status === 'rejected')
  if (failed) throw failed.reason
  return now
}

async function nodeState(cluster: LocalCluster, node: LocalNode): Promise<NodeState> {
  const alive = node.process !== undefined && (await isAlive(node.process))
  return {
    name: node.name,
    id: await nodeIdOf(cluster, node),
    address: node.address,
    pid: alive ? node.process?.pid : undefined,
    dataPath: nodeDataPath(cluster.directory, node.name),
    logPath: nodeLogPath(cluster.directory, node.name),
  }
}

function nodeNamed(cluster: LocalCluster, name: string): LocalNode {
  return cluster.nodes.find(node => node.name === name)!
}

/** A loopback address that no node of the cluster has, running or not. */
export async function freeAddress(nodes: readonly LocalNode[]): Promise<string> {
  const taken = nodes.map(node => Number(node.address.slice(node.address.lastIndexOf(':') + 1)))
  return `127.0.0.1:${await freePort(new Set(taken))}`
}
