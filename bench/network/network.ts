/** A network between nodes whose links can be cut, each direction by itself, without anybody being told. */
import {networkOfNamespaces} from './namespaces.js'
import {networkOfProxies} from './proxies.js'

export interface Place {
  /** Under which everybody reaches the node. */
  readonly address: string
  /** Where the node itself listens. */
  readonly listen: string
  /** What its command line begins with. */
  readonly within: readonly string[]
}

/** One direction between two nodes, by their places, from 0. */
export type Link = readonly [from: number, to: number]

export interface Network {
  readonly kind: 'namespaces' | 'proxies'
  readonly places: readonly Place[]
  /** From now on just these links carry nothing: what is sent there is lost, not refused. */
  cut(links: readonly Link[]): Promise<void>
  /** Gives everything back; the nodes must have ended. */
  close(): Promise<void>
}

export type NetworkChoice = Network['kind'] | 'any'

/**
 * Network namespaces, one a node, where this process may make them. Elsewhere proxies on this
 * machine's own address, one before each node, which tell by its hello who has dialled.
 */
export async function openNetwork(nodes: number, choice: NetworkChoice = 'any'): Promise<Network> {
  if (choice === 'proxies') return networkOfProxies(nodes)
  try {
    return await networkOfNamespaces(nodes)
  } catch (error) {
    if (choice === 'namespaces') throw error
    return networkOfProxies(nodes)
  }
}

/** Every link between the two, in both directions. */
export function between(some: readonly number[], others: readonly number[]): Link[] {
  return some.flatMap(a => others.flatMap((b): Link[] => [...from([a], [b]), ...from([b], [a])]))
}

/** Every link that leads from the first to the second. */
export function from(some: readonly number[], others: readonly number[]): Link[] {
  return some.flatMap(a => others.filter(b => b !== a).map((b): Link => [a, b]))
}
