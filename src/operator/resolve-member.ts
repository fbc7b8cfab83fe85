import type {ClusterClient} from '../client/cluster-client.js'
import type {ClusterStatus, MemberStatus} from '../client/types.js'
import {RaftctlError} from '../errors.js'

/**
 * The member that a person means by an id (all digits), a name or an address.
 * RAFTCTL_MEMBER_NOT_FOUND; RAFTCTL_USAGE with the candidates when it is ambiguous.
 */
export function resolveMember(
  status: Pick<ClusterStatus, 'clusterId' | 'members'>,
  text: string,
): MemberStatus {
  const byId = /^\d+$/.test(text)
  const found = status.members.filter(member =>
    byId ? String(member.id) === text : member.name === text || member.address === text,
  )
  const [only, ...others] = found
  if (only === undefined) {
    throw new RaftctlError(
      'RAFTCTL_MEMBER_NOT_FOUND',
      `no member "${text}" in cluster ${status.clusterId}`,
      {hint: 'Run "raftctl member list" to see the members.', details: {member: text}},
    )
  }
  if (others.length > 0) {
    const candidates = found.map(({id, name, address}) => `${id} (${name || '-'}, ${address})`)
    throw new RaftctlError('RAFTCTL_USAGE', `"${text}" could be ${candidates.join(' or ')}`, {
      hint: 'Name the member by its id.',
      details: {candidates: found.map(member => member.id)},
    })
  }
  return only
}

/** The address to ask for one member's own view; undefined where nobody was named: the leader's. */
export async function memberAddress(
  client: ClusterClient,
  text: string | undefined,
): Promise<string | undefined> {
  if (text === undefined) return undefined
  return resolveMember(await client.clusterStatus(), text).address
}

/** For sentences: member 2 (n2). */
export function spellMember({id, name}: {id: number; name: string}): string {
  return name === '' ? `member ${id}` : `member ${id} (${name})`
}
