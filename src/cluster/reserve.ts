/**
 * Taking a name for a new local cluster, so that of two who want it one gets it, and a crash leaves
 * either nothing or a record that says what it is.
 */
import {randomBytes} from 'node:crypto'
import {mkdir, rename, rm, symlink, unlink} from 'node:fs/promises'
import {dirname, resolve} from 'node:path'
import {RaftctlError} from '../errors.js'
import {codeOf, syncDirectory} from './files.js'
import type {Environment} from './paths.js'
import {checkName, clustersHome} from './paths.js'
import {isAlive, ownProcess} from './processes.js'
import type {LocalCluster} from './registry.js'
import {directoryOf, namePath, readCluster, writeRecordInto} from './registry.js'

export interface Reservation {
  readonly env: Environment
  readonly name: string
  /** Where to put it, instead of the data home. */
  readonly dataDir: string | undefined
}

/** Where a cluster of this name would be put. RAFTCTL_USAGE for a name that is none. */
export function plannedDirectory(env: Environment, name: string, dataDir?: string): string {
  return dataDir === undefined ? namePath(env, checkName(name)) : resolve(dataDir)
}

/**
 * A cluster in the state "making", without nodes. RAFTCTL_CLUSTER_EXISTS when the name is taken;
 * RAFTCTL_NOT_PRISTINE when the directory holds something.
 */
export async function reserve({env, name, dataDir}: Reservation): Promise<LocalCluster> {
  const path = namePath(env, checkName(name))
  await mkdir(clustersHome(env), {recursive: true, mode: 0o700})
  const cluster: LocalCluster = {
    name,
    directory: plannedDirectory(env, name, dataDir),
    state: 'making',
    maker: await ownProcess(),
    clusterId: undefined,
    createdMs: Date.now(),
    nodes: [],
    nextNodeNumber: 1,
  }
  if (dataDir === undefined) {
    if (await moveInto(cluster)) return cluster
    throw await nameTaken(env, name)
  }

  await linkName(env, name, cluster.directory, path)
  try {
    if (await moveInto(cluster)) return cluster
    throw new RaftctlError('RAFTCTL_NOT_PRISTINE', `${cluster.directory} is not empty`, {
      hint: 'Give a directory that is empty or does not exist yet.',
    })
  } catch (error) {
    await unlink(path)
    throw error
  }
}

/** A new directory appears with its record in it; false when the place is taken. */
async function moveInto(cluster: LocalCluster): Promise<boolean> {
  const {directory} = cluster
  const parent = dirname(directory)
  await mkdir(parent, {recursive: true})
  const temporary = `${parent}/.raftctl-${randomBytes(6).toString('hex')}.partial`
  try {
    await writeRecordInto(temporary, cluster)
    await rename(temporary, directory)
    await syncDirectory(parent)
    return true
  } catch (error) {
    await rm(temporary, {recursive: true, force: true})
    if (['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(codeOf(error) ?? '')) return false
    throw error
  }
}

async function linkName(
  env: Environment,
  name: string,
  directory: string,
  path: string,
): Promise<void> {
  try {
    await symlink(directory, path)
  } catch (error) {
    if (codeOf(error) === 'EEXIST') throw await nameTaken(env, name)
    throw error
  }
}

/** Says what is there, and the command that gets on from it. */
export async function nameTaken(env: Environment, name: string): Promise<RaftctlError> {
  const directory = await directoryOf(name, env)
  const cluster = directory === undefined ? undefined : await readCluster(directory)
  const details = {cluster: name, directory: directory ?? null}
  if (cluster?.state === 'ready') {
    return new RaftctlError('RAFTCTL_CLUSTER_EXISTS', `local cluster "${name}" exists already`, {
      hint:
        `Start it with "raftctl cluster start ${name}", take another --name, ` +
        `or remove it with "raftctl cluster destroy ${name}".`,
      details,
    })
  }
  if (cluster?.state === 'making' && cluster.maker && (await isAlive(cluster.maker))) {
    return new RaftctlError(
      'RAFTCTL_CLUSTER_EXISTS',
      `local cluster "${name}" is being made by process ${cluster.maker.pid}`,
      {hint: 'Wait until that is done, or take another --name.', details},
    )
  }
  return new RaftctlError(
    'RAFTCTL_CLUSTER_EXISTS',
    `local cluster "${name}" was left half-made or half-removed by a command that was interrupted`,
    {hint: `Remove what is left: raftctl cluster destroy --name ${name} --yes`, details},
  )
}
