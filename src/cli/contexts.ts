/**
 * The file of named clusters, $XDG_CONFIG_HOME/raftctl/contexts.json: readable by its owner only,
 * replaced as a whole, so that a reader never meets half of one.
 */
import {rm} from 'node:fs/promises'
import {join} from 'node:path'
import type {SecurityFiles} from '../client/types.js'
import {readJsonFile, replaceFile, withFileLock} from '../cluster/files.js'
import type {Environment} from '../cluster/paths.js'
import {configHome} from '../cluster/paths.js'
import {RaftctlError} from '../errors.js'

export type Context =
  | {
      readonly kind: 'local'
      readonly name: string
      readonly cluster: string
      readonly directory: string
      readonly clusterId: string | undefined
    }
  | {
      readonly kind: 'remote'
      readonly name: string
      readonly endpoints: readonly string[]
      readonly clusterId: string | undefined
      /** Absolute paths: the context names files, it holds no secret. */
      readonly security?: SecurityFiles | undefined
    }

export interface Contexts {
  readonly current: string | undefined
  readonly contexts: readonly Context[]
}

interface ContextsFile {
  readonly version: 1
  readonly current: string | null
  readonly contexts: readonly Context[]
}

export function contextsPath(env: Environment): string {
  return join(configHome(env), 'contexts.json')
}

/** The context of a local cluster has its name. */
export function localContext(cluster: {
  readonly name: string
  readonly directory: string
  readonly clusterId: string | undefined
}): Context {
  const {name, directory, clusterId} = cluster
  return {kind: 'local', name, cluster: name, directory, clusterId}
}

/** Before a local cluster takes a name: RAFTCTL_CLUSTER_EXISTS when a remote context has it. */
export async function refuseRemoteContext(env: Environment, name: string): Promise<void> {
  const {contexts} = await readContexts(env)
  const taken = contexts.find(context => context.name === name)
  if (taken?.kind !== 'remote') return
  throw new RaftctlError(
    'RAFTCTL_CLUSTER_EXISTS',
    `context "${name}" belongs to a remote cluster (${taken.endpoints.join(', ')})`,
    {hint: 'Take another --name for the local cluster.'},
  )
}

/** No file: no contexts. RAFTCTL_DATA_DAMAGED when the file can't be understood. */
export async function readContexts(env: Environment): Promise<Contexts> {
  const path = contextsPath(env)
  const file = await readJsonFile(path)
  if (file === undefined) return {current: undefined, contexts: []}
  if (!isContextsFile(file)) {
    throw new RaftctlError('RAFTCTL_DATA_DAMAGED', `${path} is not a file of contexts`, {
      hint: 'Repair or remove it; clusters are not touched by that.',
    })
  }
  return {current: file.current ?? undefined, contexts: file.contexts}
}

/**
 * Adds or replaces a context. It becomes the current one only if there is none, or the current one
 * is local: a command meant for a remote cluster must not hit a new toy by surprise. `aside`: only if
 * there is none. Answers whether it is the current one now.
 */
export async function putContext(
  env: Environment,
  context: Context,
  {aside = false}: {readonly aside?: boolean} = {},
): Promise<boolean> {
  let isCurrent = false
  await change(env, before => {
    const others = before.contexts.filter(other => other.name !== context.name)
    const now = others.find(other => other.name === before.current)
    isCurrent = now === undefined || (now.kind === 'local' && !aside)
    return {current: isCurrent ? context.name : before.current, contexts: [...others, context]}
  })
  return isCurrent
}

/** Removes the contexts of a local cluster's directory; answers their names. */
export async function dropLocalContexts(env: Environment, directory: string): Promise<string[]> {
  const dropped: string[] = []
  await change(env, before => {
    const kept = before.contexts.filter(context => {
      const goes = context.kind === 'local' && context.directory === directory
      if (goes) dropped.push(context.name)
      return !goes
    })
    if (dropped.length === 0) return undefined
    const current = kept.some(context => context.name === before.current)
      ? before.current
      : undefined
    return {current, contexts: kept}
  })
  return dropped
}

/** The context of that name. RAFTCTL_CONTEXT_NOT_FOUND names those there are. */
export function contextNamed({contexts}: Contexts, name: string): Context {
  const found = contexts.find(context => context.name === name)
  if (found !== undefined) return found
  const known = contexts.map(context => context.name)
  throw new RaftctlError('RAFTCTL_CONTEXT_NOT_FOUND', `there is no context "${name}"`, {
    hint: known.length === 0 ? 'There are none.' : `Contexts are: ${known.join(', ')}.`,
  })
}

/** Makes it the current one; answers whether it was not. RAFTCTL_CONTEXT_NOT_FOUND. */
export async function useContext(env: Environment, name: string): Promise<boolean> {
  let changed = false
  await change(env, before => {
    contextNamed(before, name)
    changed = before.current !== name
    return changed ? {...before, current: name} : undefined
  })
  return changed
}

/** Forgets it; the cluster is not touched. Answers whether it was there. */
export async function removeContext(env: Environment, name: string): Promise<boolean> {
  let changed = false
  await change(env, before => {
    const kept = before.contexts.filter(context => context.name !== name)
    changed = kept.length < before.contexts.length
    const current = before.current === name ? undefined : before.current
    return changed ? {current, contexts: kept} : undefined
  })
  return changed
}

/** The cluster that a context stands for; undefined where the name is free. */
export async function clusterOfName(env: Environment, name: string): Promise<string | undefined> {
  const taken = (await readContexts(env)).contexts.find(context => context.name === name)
  if (taken?.kind === 'local') throw nameTaken(name)
  return taken?.clusterId
}

/** A new remote context; RAFTCTL_CLUSTER_EXISTS when the name is taken by another cluster. */
export async function addContext(
  env: Environment,
  context: Context & {kind: 'remote'},
): Promise<boolean> {
  const taken = (await readContexts(env)).contexts.find(({name}) => name === context.name)
  if (taken !== undefined && (taken.kind === 'local' || taken.clusterId !== context.clusterId)) {
    throw nameTaken(context.name)
  }
  return putContext(env, context)
}

export function nameTaken(name: string): RaftctlError {
  return new RaftctlError('RAFTCTL_CLUSTER_EXISTS', `context "${name}" is taken`, {
    hint: `Take another name, or run "raftctl context remove ${name}" first.`,
  })
}

async function change(
  env: Environment,
  edit: (before: Contexts) => Contexts | undefined,
): Promise<void> {
  const path = contextsPath(env)
  await withFileLock(path, async () => {
    const after = edit(await readContexts(env))
    if (after === undefined) return
    if (after.contexts.length === 0) return rm(path, {force: true})
    const file: ContextsFile = {
      version: 1,
      current: after.current ?? null,
      contexts: after.contexts,
    }
    await replaceFile(path, `${JSON.stringify(file, null, 2)}\n`)
  })
}

function isContextsFile(value: unknown): value is ContextsFile {
  if (typeof value !== 'object' || value === null) return false
  const file = value as Partial<ContextsFile>
  return (
    file.version === 1 &&
    (file.current === null || typeof file.current === 'string') &&
    Array.isArray(file.contexts) &&
    file.contexts.every(isContext)
  )
}

function isContext(value: unknown): value is Context {
  if (typeof value !== 'object' || value === null) return false
  const context = value as Record<string, unknown>
  if (typeof context.name !== 'string') return false
  if (context.kind === 'local') {
    return typeof context.cluster === 'string' && typeof context.directory === 'string'
  }
  const endpoints = context.endpoints
  return (
    context.kind === 'remote' &&
    Array.isArray(endpoints) &&
    endpoints.every(endpoint => typeof endpoint === 'string')
  )
}
