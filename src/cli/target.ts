/** Which cluster a command talks to: flag over environment over context over default. */
import type {SecurityFiles} from '../client/types.js'
import {RaftctlError} from '../errors.js'
import type {Context} from './contexts.js'
import {readContexts} from './contexts.js'
import {checkEndpoint, splitEndpoints} from './endpoint.js'
import {outranked} from './security-flags.js'

export interface Target {
  /** undefined when endpoints were given by themselves. */
  readonly context: string | undefined
  readonly endpoints: readonly string[]
  /** The id that the context pins; another cluster is refused. */
  readonly clusterId: string | undefined
  readonly security: SecurityFiles
  /** The local cluster behind the context. */
  readonly localCluster: {readonly name: string; readonly directory: string} | undefined
}

export interface TargetWish {
  readonly endpointFlags: readonly string[]
  readonly contextFlag: string | undefined
  /** From flags and environment; default nothing. */
  readonly security?: SecurityFiles
  readonly env: Readonly<Record<string, string | undefined>>
}

/**
 * RAFTCTL_USAGE for a malformed endpoint; RAFTCTL_CONTEXT_NOT_FOUND when the named context does not
 * exist, or when nothing at all says which cluster is meant.
 */
export async function resolveTarget(wish: TargetWish): Promise<Target> {
  if (wish.endpointFlags.length > 0)
    return bare(
      wish.endpointFlags.map(text => checkEndpoint(text)),
      wish,
    )
  if (wish.contextFlag !== undefined) return fromContext(wish.contextFlag, wish)

  const listed = splitEndpoints(wish.env.RAFTCTL_ENDPOINTS ?? '')
  if (listed.length > 0) return bare(listed, wish)

  const named = wish.env.RAFTCTL_CONTEXT
  if (named !== undefined && named !== '') return fromContext(named, wish)

  const {current} = await readContexts(wish.env)
  if (current !== undefined) return fromContext(current, wish)
  throw new RaftctlError('RAFTCTL_CONTEXT_NOT_FOUND', 'there is no cluster to talk to yet', {
    hint: 'Start one here with "raftctl init", or name one with --endpoint HOST:PORT.',
  })
}

async function fromContext(name: string, wish: TargetWish): Promise<Target> {
  const {contexts} = await readContexts(wish.env)
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
    security: outranked(await securityOf(context), wish.security ?? {}),
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

async function securityOf(context: Context): Promise<SecurityFiles> {
  if (context.kind === 'remote') return context.security ?? {}
  const {clientSecurity} = await import('../cluster/secrets.js')
  return clientSecurity(context.directory)
}

function bare(endpoints: readonly string[], {security = {}}: TargetWish): Target {
  return {context: undefined, endpoints, clusterId: undefined, security, localCluster: undefined}
}
