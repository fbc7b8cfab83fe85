import type {MemberStatus} from '../../client/types.js'
import type {CatchUp} from '../../operator/catch-up.js'
import type {MemberChange} from '../../operator/member-change.js'
import type {HistoryRecord} from '../../operator/member-history.js'
import type {MembershipChange} from '../../operator/reach-membership.js'
import type {LeadershipChange} from '../../operator/transfer-leadership.js'
import type {Verification} from '../../operator/verify-membership.js'
import {bar} from '../bar.js'
import {formatDuration} from '../duration.js'
import type {View} from '../output.js'
import type {RecordView} from '../records.js'
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
      verifiedLine(change),
    )
  }
  return {lines, ids: [memberId]}
}

export function membershipChangeView(change: MembershipChange): View {
  const {before, after, added, removed} = change
  const moved = [
    ...(added.length > 0 ? [`added ${list(added)}`] : []),
    ...(removed.length > 0 ? [`removed ${list(removed)}`] : []),
  ]
  return {
    lines: [
      change.changed
        ? `membership changed${moved.length > 0 ? `: ${moved.join(', ')}` : ''}`
        : 'the membership is that already',
      `cluster ${shortId(change.clusterId)}  membership index ${change.membershipIndex}  ` +
        `voters ${list(change.voters)}` +
        (change.learners.length > 0 ? `  learners ${list(change.learners)}` : '') +
        (change.observers.length > 0 ? `  observers ${list(change.observers)}` : ''),
      `voters ${before.voters} -> ${after.voters}  quorum ${before.quorum} -> ${after.quorum}  ` +
        `failure tolerance ${before.failureTolerance} -> ${after.failureTolerance}`,
      verifiedLine(change),
    ],
    ids: change.voters,
  }
}

/** Everything known of one member, a line each. */
export function memberShowView(member: MemberStatus): View {
  const shown = Object.entries(member).filter(([, value]) => value !== null && value !== '')
  return {
    lines: shown.map(([field, value]) => `${words(field).padEnd(20)}${String(value)}`),
    ids: [member.id],
  }
}

export const historyView: RecordView<HistoryRecord> = {
  kind: 'MembershipHistoryEntry',
  columns: [
    {title: 'index', align: 'right', width: 8},
    {title: 'time', width: 24},
    {title: 'by', width: 20},
    {title: 'change', width: 34},
    {title: 'stage', width: 12, wide: true},
    {title: 'reason', cut: true},
  ],
  row: ({index, time, actor, change, stage, reason}) => [
    index,
    time,
    actor === '' ? null : actor,
    change,
    stage,
    reason === '' ? null : reason,
  ],
  json: record => ({...record}),
  id: record => record.index,
}

function words(field: string): string {
  return field.replace(/[A-Z]/g, letter => ` ${letter.toLowerCase()}`)
}

function verifiedLine({verifiedBy, unverified}: Verification): string {
  const rest = unverified.length === 0 ? '' : `  not yet on ${list(unverified)}`
  return `verified on ${list(verifiedBy)}${rest}`
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
export function catchUpText(catchUp: CatchUp): string {
  const {memberId, match, gap} = catchUp
  const figures = [`at ${match}`, `${gap} behind`, ...paceOf(catchUp)].join(', ')
  return `member ${memberId} catches up: ${figures}`
}

const BAR_MIN = 8

/** The same as a bar, as long as the room of `columns` allows. */
export function catchUpBar(catchUp: CatchUp, columns: number): string {
  const {memberId, match, gap} = catchUp
  const done = match + gap === 0 ? 1 : match / (match + gap)
  // Whole only when it is: 99.9 % is not 100 %.
  const percent = `${Math.floor(done * 100)} %`.padStart(5)
  const figures = [`match ${match}`, `gap ${gap}`, ...paceOf(catchUp)].join('  ')
  const head = `member ${memberId}  `
  const width = Math.max(BAR_MIN, columns - head.length - percent.length - figures.length - 2)
  return `${head}${bar(done, Math.min(width, 40))}${percent}  ${figures}`.slice(0, columns)
}

function paceOf({gap, entriesPerSecond, etaMs, snapshot}: CatchUp): string[] {
  if (snapshot) return ['receives a snapshot']
  const rate = entriesPerSecond > 0 ? [`${Math.round(entriesPerSecond)} entries/s`] : []
  return etaMs === null || gap === 0 ? rate : [...rate, `${formatDuration(etaMs)} left`]
}

function list(ids: readonly number[]): string {
  return ids.length === 0 ? 'nobody' : ids.join(', ')
}
