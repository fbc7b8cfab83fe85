/** What the changes of one member answer, and the arithmetic shown with it. */
import {failureTolerance, majorityOf} from '../client/quorum.js'
import type {ClusterStatus, MemberRole, MembershipView} from '../client/types.js'
import type {Verification} from './verify-membership.js'

export interface VoterFigures {
  readonly voters: number
  readonly quorum: number
  /** If every voter works. */
  readonly failureTolerance: number
}

export interface MemberChange extends Verification {
  readonly changed: boolean
  readonly clusterId: string
  readonly memberId: number
  readonly name: string
  readonly address: string
  /** null: no member any more. */
  readonly role: MemberRole | null
  readonly membershipIndex: number
  readonly before: VoterFigures
  readonly after: VoterFigures
}

export function figuresOf(voters: readonly number[]): VoterFigures {
  return {
    voters: voters.length,
    quorum: majorityOf(voters.length),
    failureTolerance: failureTolerance([voters], new Set(voters)),
  }
}

export function votersOf(status: ClusterStatus): number[] {
  return status.members.filter(member => member.role === 'voter').map(member => member.id)
}

/** What held already: nothing was sent. */
export function unchanged(
  status: ClusterStatus,
  member: {id: number; name: string; address: string; role: MemberRole | null},
): MemberChange {
  const figures = figuresOf(votersOf(status))
  return {
    changed: false,
    clusterId: status.clusterId,
    memberId: member.id,
    name: member.name,
    address: member.address,
    role: member.role,
    membershipIndex: status.membershipIndex,
    before: figures,
    after: figures,
    verifiedBy: status.members
      .filter(({membershipIndex}) => (membershipIndex ?? 0) >= status.membershipIndex)
      .map(({id}) => id),
    unverified: status.members
      .filter(({membershipIndex}) => (membershipIndex ?? 0) < status.membershipIndex)
      .map(({id}) => id),
  }
}

export function changedTo(
  status: ClusterStatus,
  member: {id: number; name: string; address: string; role: MemberRole | null},
  after: MembershipView,
  verification: Verification,
): MemberChange {
  return {
    changed: true,
    clusterId: status.clusterId,
    memberId: member.id,
    name: member.name,
    address: member.address,
    role: member.role,
    membershipIndex: after.index,
    before: figuresOf(votersOf(status)),
    after: figuresOf(after.voters),
    ...verification,
  }
}
