/**
 * What the completion scripts call at each press of Tab: `raftctl completion words -- WORD…`, the last
 * of which is to be completed. It prints a line a candidate, the word and, behind a tab, what it is; or
 * ":files". Whatever goes wrong or takes too long prints nothing, as nobody asked for an error there.
 */
import {readManifest} from '../read-manifest.js'
import type {Names} from './words.js'
import {completionsAt, type GivenFlags, linesOf, type Word} from './words.js'

/** From the start of the process: longer is felt as a terminal that hangs. */
const ANSWER_MS = 300
/** What files may take at least, on a machine that is slow to start a process. */
const FILES_MS = 100

type Environment = Readonly<Record<string, string | undefined>>

export async function answerCompletion(
  typed: readonly string[],
  env: Environment,
  write: (text: string) => void,
): Promise<void> {
  const late = new Promise<readonly Word[]>(resolve => {
    setTimeout(() => resolve([]), Math.max(FILES_MS, ANSWER_MS - performance.now()))
  })
  const words = await Promise.race([candidates(typed, env), late]).catch(() => [])
  write(linesOf(words))
}

async function candidates(typed: readonly string[], env: Environment): Promise<readonly Word[]> {
  const completion = completionsAt(typed, readManifest())
  if (completion.kind === 'words') return completion.words
  const current = (typed.at(-1) ?? '').replace(/^(?:--[a-z-]+)?=/, '')
  const words = await namesOf(completion.of, completion.flags, env)
  return words.filter(({word}) => word.startsWith(current) || word === ':files')
}

async function namesOf(of: Names, flags: GivenFlags, env: Environment): Promise<Word[]> {
  switch (of) {
    case 'files':
      return [{word: ':files', about: ''}]
    case 'contexts': {
      const {readContexts} = await import('../contexts.js')
      const {contexts, current} = await readContexts(env)
      return contexts.map(({name, kind}) => ({
        word: name,
        about: name === current ? `${kind}, current` : kind,
      }))
    }
    case 'clusters': {
      const {readLocalClusters} = await import('../../cluster/registry.js')
      const {clusters} = await readLocalClusters(env)
      return clusters.map(({name, nodes}) => ({word: name, about: `${nodes.length} nodes`}))
    }
    case 'members':
      return membersOf(flags, env)
  }
}

/** Of a local cluster from its files, so that nothing has to run; of another one by asking it. */
async function membersOf(flags: GivenFlags, env: Environment): Promise<Word[]> {
  const {findLocalCluster, nodeIdOf} = await import('../../cluster/registry.js')
  const {resolveTarget} = await import('../target.js')
  const {security, endpoints, clusterId, localCluster} =
    flags.cluster === undefined
      ? await resolveTarget({
          endpointFlags: flags.endpoints,
          contextFlag: flags.context,
          env,
        })
      : {...NO_TARGET, localCluster: {name: flags.cluster, directory: undefined}}
  if (localCluster !== undefined) {
    const {name, directory} = localCluster
    const cluster = await findLocalCluster(name, directory ?? {env})
    const words = cluster.nodes.map(async node => {
      const id = await nodeIdOf(cluster, node)
      return id === undefined ? [] : [{word: String(id), about: `${node.name} ${node.address}`}]
    })
    return (await Promise.all(words)).flat()
  }
  const {ClusterClient} = await import('../../client/cluster-client.js')
  const client = new ClusterClient({endpoints, clusterId, security, timeoutMs: ANSWER_MS})
  const {members} = await client.clusterStatus()
  return members.map(({id, name, role, address}) => ({
    word: String(id),
    about: `${name} ${role} ${address}`.trim(),
  }))
}

const NO_TARGET = {endpoints: [], clusterId: undefined, security: {}}
