/**
 * Ending a local cluster: no process and no file stays. Only what raftctl made is deleted, by name;
 * a directory that holds anything else is left standing with it. Can be repeated after a crash at
 * any point.
 */
import {lstat, readdir, rm, rmdir, unlink} from 'node:fs/promises'
import {join} from 'node:path'
import {RaftctlError} from '../errors.js'
import {codeOf, withFileLock} from './files.js'
import {endProcess} from './nodes.js'
import type {Environment} from './paths.js'
import {isAlive} from './processes.js'
import type {LocalCluster} from './registry.js'
import {
  directoryOf,
  logsPath,
  namePath,
  nodesPath,
  readCluster,
  recordPath,
  writeCluster,
} from './registry.js'
import {SECRET_FILES} from './secrets.js'

export interface Destroyed {
  readonly name: string
  readonly directory: string
  /** How many were running. */
  readonly processesEnded: number
  /** What is left in the directory because raftctl did not make it. */
  readonly left: readonly string[]
}

/** Where a name leads, whole cluster or remains of one. RAFTCTL_CLUSTER_NOT_FOUND. */
export async function clusterDirectory(name: string, env: Environment): Promise<string> {
  const directory = await directoryOf(name, env)
  if (directory === undefined || !(await isThere(namePath(env, name)))) throw notFound(name)
  return directory
}

/** RAFTCTL_CLUSTER_NOT_FOUND; RAFTCTL_REFUSED while another process makes it. */
export async function destroyCluster(env: Environment, name: string): Promise<Destroyed> {
  const path = namePath(env, name)
  const directory = await clusterDirectory(name, env)
  const cluster = await readCluster(directory)
  const processesEnded = cluster ? await empty(cluster) : 0
  const left = await removeDirectory(directory, cluster !== undefined)
  if (path !== directory) await unlink(path)
  return {name, directory, processesEnded, left}
}

async function empty(seen: LocalCluster): Promise<number> {
  const {directory} = seen
  return withFileLock(recordPath(directory), async () => {
    const cluster = await readCluster(directory)
    if (!cluster) return 0
    await refuseWhileMade(cluster)
    await writeCluster({...cluster, state: 'destroying'})
    const ended = await Promise.all(
      cluster.nodes.map(async node =>
        node.process === undefined ? false : endProcess(node.name, node.process, 'SIGKILL'),
      ),
    )
    await rm(nodesPath(directory), {recursive: true, force: true})
    await rm(logsPath(directory), {recursive: true, force: true})
    for (const name of SECRET_FILES) await rm(join(directory, name), {force: true})
    // Last: until here the record tells a second attempt what to do.
    await rm(recordPath(directory), {force: true})
    return ended.filter(Boolean).length
  })
}

async function refuseWhileMade(cluster: LocalCluster): Promise<void> {
  const {maker, name, state} = cluster
  if (state !== 'making' || maker === undefined || maker.pid === process.pid) return
  if (!(await isAlive(maker))) return
  throw new RaftctlError('RAFTCTL_REFUSED', `"${name}" is being made by process ${maker.pid}`, {
    hint: 'Interrupt that command; it cleans up after itself.',
  })
}

/** Answers what stays. A directory that was never a cluster's is removed only if it is empty. */
async function removeDirectory(directory: string, wasCluster: boolean): Promise<string[]> {
  if (wasCluster) {
    for (const name of await entries(directory)) {
      // Temporary files and locks, left by processes that died.
      if (/^(?:cluster\.json|token|peer-token|tokens)\..*(?:partial|lock|takeover)$/.test(name)) {
        await rm(join(directory, name), {force: true})
      }
    }
  }
  try {
    await rmdir(directory)
    return []
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    if (codeOf(error) !== 'ENOTEMPTY' && codeOf(error) !== 'EEXIST') throw error
    if (wasCluster) return entries(directory)
    throw new RaftctlError('RAFTCTL_REFUSED', `${directory} is not a raftctl cluster`, {
      hint: 'Nothing was deleted. Look at the directory and remove it yourself.',
    })
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path)
    return true
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw error
  }
}

async function entries(directory: string): Promise<string[]> {
  try {
    return await readdir(directory)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    throw error
  }
}

function notFound(name: string): RaftctlError {
  return new RaftctlError('RAFTCTL_CLUSTER_NOT_FOUND', `there is no local cluster "${name}"`, {
    hint: 'Run "raftctl cluster list" to see those of this machine.',
  })
}
