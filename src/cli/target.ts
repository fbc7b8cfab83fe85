/** Which cluster a command talks to: flag over environment over context over default. */
import {RaftctlError} from '../errors.js'
import type {Context} from './contexts.js'
import {readContexts} from './contexts.js'
import {checkEndpoint, splitEndpoints} from './endpoint.js'

export interface Target {
  /** undefined when endpoints were given by themselves. */
  readonly context: string | undefined
  readonly endpoints: readonly string[]
  /** The id that the context pins; another cluster is refused. */
  readonly clusterId: string | undefined
  /** The local cluster behind the context. */
  readonly localCluster: {readonly name: string; readonly directory: string} | undefined
}

export interface TargetWish {
  readonly endpointFlags: readonly string[]
  readonly contextFlag: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
}

/**
 * RAFTCTL_USAGE for a malformed endpoint; RAFTCTL_CONTEXT_NOT_FOUND when the named context does not
 * exist, or when nothing at all says which cluster is meant.
 */
export async function resolveTarget(wish: TargetWish): Promise<Target> {
  if (wish.endpointFlags.length > 0)
    return bare(wish.endpointFlags.map(text => checkEndpoint(text)))
  if (wish.contextFlag !== undefined) return fromContext(wish.contextFlag, wish.env)

  const listed = splitEndpoints(wish.env.RAFTCTL_ENDPOINTS ?? '')
  if (listed.length > 0) return bare(listed)

  const named = wish.env.RAFTCTL_CONTEXT
  if (named !== undefined && named !== '') return fromContext(named, wish.env)

  const {current} = await readContexts(wish.env)
  if (current !== undefined) return fromContext(current, wish.env)
  throw new RaftctlError('RAFTCTL_CONTEXT_NOT_FOUND', 'there is no cluster to talk to yet', {
    hint: 'Start one here with "raftctl init", or name one with --endpoint HOST:PORT.',
  })
}

async function fromContext(name: string, env: TargetWish['env']): Promise<Target> {
  const {contexts} = await readContexts(env)
  const context = contexts.find(candidate => candidate.name === name)
  if (!context) {
    const known = contexts.map(candidate => candidate.name)
    throw new RaftctlError('RAFTCTL_CONTEXT_NOT_FOUND', `there is no context "${name}"`, {
      hint:
        known.length === 0
          ? 'Start a cluster here with "raftctl init", or name one with --endpoint HOST:PORT.'
          : `Contexts are: ${known.join(', ')}.`,
    })
  }
  return {
    context: context.name,
    endpoints: await endpointsOf(context),
    clusterId: context.clusterId,
    localCluster:
      context.kind === 'local' ? {name: context.cluster, directory: context.directory} : undefined,
  }
}

/** A local cluster's nodes come and go; its own file knows them best. */
async function endpointsOf(context: Context): Promise<readonly string[]> {
  if (context.kind === 'remote') return context.endpoints
  const {findLocalCluster} = await import('../cluster/registry.js')
  const cluster = await findLocalCluster(context.cluster, context.directory)
  return cluster.nodes.map(node => node.address)
}

function bare(endpoints: readonly string[]): Target {
  return {context: undefined, endpoints, clusterId: undefined, localCluster: undefined}
}
