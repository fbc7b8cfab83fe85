import type {ClusterClient} from '../client/cluster-client.js'
import {RaftctlError} from '../errors.js'

export interface MemberHash {
  readonly id: number
  readonly name: string
  readonly role: string
  /** SHA-256 in hex; null: it could not be asked. */
  readonly hash: string | null
  /** Why not. */
  readonly problem: string | null
}

export interface StateComparison {
  /** Of the checkpoint entry, at which all hashes were taken. */
  readonly index: number
  /** Of those that answered. */
  readonly equal: boolean
  readonly hash: string | null
  readonly members: readonly MemberHash[]
}

/** The state of every member at one index of the log. */
export async function compareState(client: ClusterClient): Promise<StateComparison> {
  const index = await client.checkpoint()
  const status = await client.clusterStatus()
  const members = await Promise.all(
    status.members.map(async ({id, name, role, address}): Promise<MemberHash> => {
      try {
        const hash = await client.checkpointHash(address, index)
        return {id, name, role, hash, problem: null}
      } catch (error) {
        const problem = error instanceof Error ? error.message : String(error)
        return {id, name, role, hash: null, problem}
      }
    }),
  )
  const hashes = new Set(members.flatMap(({hash}) => hash ?? []))
  const [only] = hashes
  const equal = hashes.size <= 1
  return {index, equal, hash: equal ? (only ?? null) : null, members}
}

/** RAFTCTL_DIVERGED when two differ; RAFTCTL_UNREACHABLE when a member was not compared. */
export function comparisonFailure({
  index,
  equal,
  members,
}: StateComparison): RaftctlError | undefined {
  if (!equal) {
    return new RaftctlError('RAFTCTL_DIVERGED', `the members' states differ at index ${index}`, {
      hint: 'Stop writing. "raftctl log diff" shows where their logs part; replace the member that is alone.',
      details: {index, hashes: Object.fromEntries(members.map(({id, hash}) => [id, hash]))},
    })
  }
  const missing = members.filter(({hash}) => hash === null)
  if (missing.length === 0) return undefined
  const names = missing.map(({id}) => id).join(', ')
  return new RaftctlError('RAFTCTL_UNREACHABLE', `not compared: member ${names}`, {
    hint: 'The others are equal. Try again once "raftctl status" shows all of them.',
    details: {index, missing: missing.map(({id}) => id)},
  })
}
