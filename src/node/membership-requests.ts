/** What operators ask of the membership, in the core's words, and the core's refusals in theirs. */
import {RaftctlError} from '../errors.js'
import type {Membership} from '../raft/membership.js'
import {isMemberId} from '../raft/membership.js'
import type {MembershipChange} from '../raft/membership-change.js'
import type {LearnerLag, MembershipOutcome, MembershipRefusal} from '../raft/membership-control.js'
import type {NodeId} from '../raft/types.js'
import type {MembershipRequest} from './api.js'

/** The core's change; a promotion that may wait is an intent while the learner is not caught up. */
export function toChange(
  {change}: MembershipRequest,
  membership: Membership,
  isCaughtUp: (id: NodeId) => boolean,
): MembershipChange {
  switch (change.kind) {
    case 'add': {
      const {name, address, storeId, promoteWhenReady, replaces} = change
      const member = {name, address, storeId, promoteWhenReady, replaces}
      return {kind: `add-${change.role}`, member}
    }
    case 'promote': {
      const isLearner = membership.learners.includes(change.id)
      if (change.whenReady && isLearner && !isCaughtUp(change.id)) {
        return {kind: 'update', id: change.id, set: {promoteWhenReady: true}}
      }
      return {kind: 'promote', id: change.id}
    }
    case 'demote':
    case 'remove':
      return {kind: change.kind, id: change.id}
    case 'update': {
      const {id, address, name, promoteWhenReady} = change
      return {kind: 'update', id, set: {address, name, promoteWhenReady}}
    }
    case 'cancel':
      return {kind: 'cancel'}
    case 'set':
      return {kind: 'set', voters: change.voters, learners: change.learners}
  }
}

/** The failure that a refusal is to its caller. */
export function refusal(
  outcome: Extract<MembershipOutcome, {kind: 'refused'}>,
  request: MembershipRequest,
  membership: Membership,
  tickMs: number,
): RaftctlError {
  const {reason, lag} = outcome
  const {change} = request
  const id = 'id' in change ? change.id : undefined
  switch (reason) {
    case 'not-leader':
      return notLeader(outcome.leader, membership)
    case 'not-committed-in-term':
      return new RaftctlError(
        'RAFTCTL_NO_LEADER',
        'the leader was elected a moment ago and has not committed anything yet',
        {hint: 'Try again.'},
      )
    case 'transferring':
      return new RaftctlError('RAFTCTL_CHANGE_IN_FLIGHT', 'leadership is being handed over', {
        hint: 'Try again in a moment.',
      })
    case 'change-in-flight':
      return new RaftctlError(
        'RAFTCTL_CHANGE_IN_FLIGHT',
        'another membership change is under way; one is made at a time',
        {hint: 'Try again when "raftctl member list" shows the stage "uniform".'},
      )
    case 'learner-lags':
      return learnerLags(id!, lag!, tickMs)
    case 'unknown-member':
      return new RaftctlError(
        'RAFTCTL_MEMBER_NOT_FOUND',
        `the cluster has no member ${id ?? ''}`.trim(),
        {
          hint: 'Run "raftctl member list" to see the members.',
        },
      )
    default:
      return new RaftctlError('RAFTCTL_REFUSED', SENTENCES[reason](id), {
        hint: 'Run "raftctl member list" to see the members and their roles.',
        details: {rule: reason, ...(id !== undefined && {memberId: id})},
      })
  }
}

export function notLeader(leader: NodeId | undefined, membership: Membership): RaftctlError {
  const member = membership.members.find(({id}) => id === leader)
  if (!member || !isMemberId(membership, member.id)) {
    return new RaftctlError('RAFTCTL_NO_LEADER', 'the cluster has no leader at the moment', {
      hint: 'Try again; "raftctl status" shows which members answer.',
    })
  }
  return new RaftctlError(
    'RAFTCTL_NOT_LEADER',
    `this node does not lead; member ${member.id} does`,
    {
      leader: member.address,
      details: {leaderId: member.id},
    },
  )
}

function learnerLags(id: NodeId, lag: LearnerLag, tickMs: number): RaftctlError {
  const entriesPerSecond = Math.round((lag.entriesPerTick * 1000) / tickMs)
  const reason = lag.recentlyActive ? (lag.gap > 0 ? 'behind' : 'not-proven') : 'silent'
  const sentence = {
    silent: `learner ${id} has not been heard from within an election timeout; it lacks ${lag.gap} entries`,
    behind: `learner ${id} lacks ${lag.gap} entries`,
    'not-proven': `learner ${id} has everything, but has not yet kept up for a whole round`,
  }[reason]
  return new RaftctlError('RAFTCTL_LEARNER_LAGS', sentence, {
    hint: `Wait for it with "raftctl member promote ${id} --wait".`,
    details: {memberId: id, gap: lag.gap, entriesPerSecond, reason},
  })
}

type Rule = Exclude<
  MembershipRefusal,
  | 'not-leader'
  | 'not-committed-in-term'
  | 'transferring'
  | 'change-in-flight'
  | 'learner-lags'
  | 'unknown-member'
>

const SENTENCES: Record<Rule, (id: NodeId | undefined) => string> = {
  'not-a-voter': id => `member ${id} is no voter`,
  'not-a-learner': id => `member ${id} is no learner`,
  'not-an-observer': id => `member ${id} is no observer`,
  'no-voter-left': () => 'the cluster would be left without a voter',
  'address-taken': () => 'another member has this address',
  'store-taken': () => 'this node is a member already, under another id',
  'name-taken': () => 'another member has this name',
  'overlapping-roles': () => 'a member can have one role only, and an observer is never promoted',
  'nothing-to-cancel': () => 'no change is waiting for its learners',
}
