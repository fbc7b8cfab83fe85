/**
 * What is known of a local cluster, in cluster.json of its directory:
 *
 *     <data home>/clusters/NAME/          the directory, or a link to the one given by --data-dir
 *       cluster.json                      this record; the directory never exists without it
 *       token, peer-token, tokens         see secrets.ts
 *       nodes/node-1/ …                   one data directory a node
 *       logs/node-1.log …                 what its processes wrote
 *
 *     making ──► ready ──► destroying       A crash in "making" or "destroying" leaves a record that
 *        └───────────────────▲              says so, and `cluster destroy` finishes the job.
 */
import {mkdir, readdir, readlink} from 'node:fs/promises'
import {join, resolve} from 'node:path'
import {RaftctlError} from '../errors.js'
import {codeOf, readJsonFile, replaceFile, withFileLock} from './files.js'
import type {Environment} from './paths.js'
import {checkName, clustersHome} from './paths.js'
import type {ProcessIdentity} from './processes.js'
import {identify} from './processes.js'

export interface LocalNode {
  readonly name: string
  /** host:port, kept over restarts. */
  readonly address: string
  /** The process that was started last; undefined once it was seen to be gone. */
  readonly process: ProcessIdentity | undefined
}

export interface LocalCluster {
  readonly name: string
  readonly directory: string
  readonly state: 'making' | 'ready' | 'destroying'
  /** The process that makes it, while it does. */
  readonly maker: ProcessIdentity | undefined
  readonly clusterId: string | undefined
  readonly createdMs: number
  readonly nodes: readonly LocalNode[]
  /** Never goes back: a name is used once. */
  readonly nextNodeNumber: number
}

const RECORD = 'cluster.json'
const FORMAT = 'raftctl-local-cluster/1'

export const recordPath = (directory: string) => join(directory, RECORD)
export const nodesPath = (directory: string) => join(directory, 'nodes')
export const logsPath = (directory: string) => join(directory, 'logs')
export const nodeDataPath = (directory: string, node: string) => join(nodesPath(directory), node)
export const nodeLogPath = (directory: string, node: string) =>
  join(logsPath(directory), `${node}.log`)
/** Where the name of a cluster leads. */
export const namePath = (env: Environment, name: string) => join(clustersHome(env), checkName(name))

/** RAFTCTL_CLUSTER_NOT_FOUND; RAFTCTL_DATA_DAMAGED when its record can't be understood. */
export async function findLocalCluster(
  name: string,
  at: {readonly env: Environment} | string,
): Promise<LocalCluster> {
  const directory = typeof at === 'string' ? at : await directoryOf(name, at.env)
  const cluster = directory === undefined ? undefined : await readCluster(directory)
  if (cluster) return cluster
  throw new RaftctlError('RAFTCTL_CLUSTER_NOT_FOUND', `there is no local cluster "${name}"`, {
    hint: 'Run "raftctl cluster list" to see those of this machine.',
  })
}

/** In order of their names; what can't be read is left out and named among the problems. */
export async function readLocalClusters(
  env: Environment,
): Promise<{clusters: LocalCluster[]; problems: string[]}> {
  const clusters: LocalCluster[] = []
  const problems: string[] = []
  for (const name of await namesIn(clustersHome(env))) {
    try {
      clusters.push(await findLocalCluster(name, {env}))
    } catch (error) {
      problems.push(`${name}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  return {clusters, problems}
}

/** undefined when the name leads nowhere; a link may lead to what is gone. */
export async function directoryOf(name: string, env: Environment): Promise<string | undefined> {
  const path = namePath(env, name)
  try {
    return resolve(clustersHome(env), await readlink(path))
  } catch (error) {
    if (codeOf(error) === 'EINVAL') return path
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** undefined when the directory holds no cluster. RAFTCTL_DATA_DAMAGED. */
export async function readCluster(directory: string): Promise<LocalCluster | undefined> {
  const value = await readJsonFile(recordPath(directory))
  if (value === undefined) return undefined
  const cluster = parseRecord(value, directory)
  if (cluster) return cluster
  throw new RaftctlError(
    'RAFTCTL_DATA_DAMAGED',
    `${recordPath(directory)} is not the record of a local cluster`,
    {hint: 'Look at the file; nothing was changed.'},
  )
}

/**
 * Changes the record while no other process does. `change` gets what is there now and may take its
 * time; what it returns is durable when this resolves.
 */
export async function updateCluster(
  directory: string,
  change: (now: LocalCluster) => LocalCluster | Promise<LocalCluster>,
): Promise<LocalCluster> {
  // Before the lock too: taking it would make the directory of a cluster that is gone.
  await requireCluster(directory)
  return withFileLock(recordPath(directory), async () => {
    const now = await requireCluster(directory)
    const after = await change(now)
    await writeCluster(after)
    return after
  })
}

async function requireCluster(directory: string): Promise<LocalCluster> {
  const cluster = await readCluster(directory)
  if (cluster) return cluster
  throw new RaftctlError('RAFTCTL_CLUSTER_NOT_FOUND', `${directory} holds no local cluster`)
}

export async function writeCluster(cluster: LocalCluster): Promise<void> {
  const {directory, ...rest} = cluster
  await replaceFile(
    recordPath(directory),
    `${JSON.stringify({format: FORMAT, ...rest}, null, 2)}\n`,
  )
}

/** Writes the record of a cluster whose directory will have another name. */
export async function writeRecordInto(directory: string, cluster: LocalCluster): Promise<void> {
  await mkdir(directory, {recursive: true, mode: 0o700})
  await writeCluster({...cluster, directory})
}

/** The id that the group gave a node; undefined while it is pristine. */
export async function nodeIdOf(
  cluster: LocalCluster,
  node: LocalNode,
): Promise<number | undefined> {
  const path = join(nodeDataPath(cluster.directory, node.name), 'node.json')
  const identity = await readJsonFile(path).catch(() => undefined)
  if (typeof identity !== 'object' || identity === null) return undefined
  const {nodeId} = identity as Record<string, unknown>
  return Number.isSafeInteger(nodeId) ? (nodeId as number) : undefined
}

async function namesIn(home: string): Promise<string[]> {
  try {
    return (await readdir(home)).filter(name => /^[A-Za-z][\w-]*$/.test(name)).sort()
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    throw error
  }
}

/** Names become paths: a record that somebody edited must not lead out of its directory. */
function parseRecord(value: unknown, directory: string): LocalCluster | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const record = value as Record<string, unknown>
  const {format, name, state, nodes, clusterId, createdMs, nextNodeNumber} = record
  const sound =
    format === FORMAT &&
    isName(name) &&
    (state === 'making' || state === 'ready' || state === 'destroying') &&
    Array.isArray(nodes) &&
    (clusterId === undefined || typeof clusterId === 'string') &&
    typeof createdMs === 'number' &&
    Number.isSafeInteger(nextNodeNumber)
  if (!sound) return undefined
  const parsed = nodes.map(parseNode)
  if (!parsed.every(node => node !== undefined)) return undefined
  return {
    name,
    directory,
    state,
    maker: identify(record.maker),
    clusterId,
    createdMs,
    nodes: parsed,
    nextNodeNumber: nextNodeNumber as number,
  }
}

function parseNode(value: unknown): LocalNode | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const {name, address, process} = value as Record<string, unknown>
  if (!isName(name) || typeof address !== 'string') return undefined
  return {name, address, process: identify(process)}
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && /^[A-Za-z][A-Za-z0-9_-]{0,62}$/.test(value)
}
