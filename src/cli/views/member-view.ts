import type {MemberChange} from '../../operator/member-change.js'
import type {CatchUp} from '../../operator/promote-member.js'
import type {LeadershipChange} from '../../operator/transfer-leadership.js'
import {formatDuration} from '../duration.js'
import type {View} from '../output.js'
import {shortId} from './status-view.js'

export function memberChangeView(change: MemberChange, done: string, already: string): View {
  const {before, after, memberId, name, address, role} = change
  const who = `member ${memberId}${name === '' ? '' : ` (${name})`}`
  const lines = [`${who} ${change.changed ? done : already}`]
  if (change.changed) {
    lines.push(
      `cluster ${shortId(change.clusterId)}  membership index ${change.membershipIndex}` +
        `${address === '' ? '' : `  address ${address}`}${role === null ? '' : `  role ${role}`}`,
      `voters ${before.voters} -> ${after.voters}  quorum ${before.quorum} -> ${after.quorum}  ` +
        `failure tolerance ${before.failureTolerance} -> ${after.failureTolerance}`,
      `verified on ${list(change.verifiedBy)}` +
        (change.unverified.length === 0 ? '' : `  not yet on ${list(change.unverified)}`),
    )
  }
  return {lines, ids: [memberId]}
}

export function leadershipView({changed, from, to, term}: LeadershipChange): View {
  return {
    lines: [
      changed
        ? `leadership moved from member ${from} to member ${to} in term ${term}`
        : `member ${to} leads already, in term ${term}`,
    ],
    ids: [to],
  }
}

/** One line for whoever waits. */
export function catchUpText({memberId, match, gap, entriesPerSecond, etaMs}: CatchUp): string {
  const rate = entriesPerSecond > 0 ? `, ${Math.round(entriesPerSecond)} entries/s` : ''
  const left = etaMs === null || gap === 0 ? '' : `, ${formatDuration(etaMs)} left`
  return `member ${memberId} catches up: at ${match}, ${gap} behind${rate}${left}`
}

function list(ids: readonly number[]): string {
  return ids.length === 0 ? 'nobody' : ids.join(', ')
}
