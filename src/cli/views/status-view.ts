import type {ClusterStatus, MemberStatus} from '../../client/types.js'
import {formatDuration} from '../duration.js'
import type {Cell, Column, View} from '../output.js'

const COLUMNS: readonly Column[] = [
  {title: 'id', align: 'right'},
  {title: 'name', cut: true},
  {title: 'role'},
  {title: 'state'},
  {title: 'address'},
  {title: 'match', align: 'right'},
  {title: 'lag', align: 'right'},
  {title: 'contact', align: 'right'},
  {title: 'applied', align: 'right', wide: true},
  {title: 'snapshot', align: 'right'},
  {title: 'term', align: 'right', wide: true},
  {title: 'pid', align: 'right', wide: true},
  {title: 'uptime', align: 'right', wide: true},
  {title: 'store', wide: true},
  {title: 'version'},
]

/** Failure tolerance first: it is what an operator has to know before touching anything. */
export function statusView(status: ClusterStatus, context: string | undefined): View {
  const {failureTolerance: now, failureToleranceNominal: nominal} = status
  const tolerance = now === nominal ? String(now) : `${now} (${nominal} when all are well)`
  const leader = status.leaderId === null ? 'none' : String(status.leaderId)
  const stage = status.stage === 'uniform' ? '' : `  stage ${status.stage}`
  return {
    lines: [
      `failure tolerance ${tolerance}  ${status.healthy ? 'healthy' : 'NOT HEALTHY'}`,
      `cluster ${context ?? '-'}  id ${shortId(status.clusterId)}  leader ${leader}  ` +
        `term ${status.term}  ${status.voters} ${status.voters === 1 ? 'voter' : 'voters'}  quorum ${status.quorum}${stage}`,
      ...status.problems.map(problem => `problem: ${problem}`),
      '',
    ],
    table: {columns: COLUMNS, rows: status.members.map(memberRow)},
    ids: status.members.map(member => member.id),
  }
}

/** The first eight characters are enough to tell clusters apart by eye. */
export function shortId(clusterId: string | undefined): string {
  return clusterId === undefined || clusterId === '' ? '-' : clusterId.slice(0, 8)
}

function memberRow(member: MemberStatus): Cell[] {
  return [
    member.id,
    member.name,
    member.role,
    stateOf(member),
    member.address,
    member.matchIndex,
    member.lag,
    contactOf(member),
    member.appliedIndex,
    member.snapshotIndex === 0 ? null : member.snapshotIndex,
    member.term,
    member.pid,
    member.uptimeMs === null ? null : formatDuration(member.uptimeMs),
    member.storeId.slice(0, 8),
    member.version,
  ]
}

function stateOf(member: MemberStatus): string {
  if (member.blankData) return 'BLANK DATA'
  if (!member.reachable) return 'UNREACHABLE'
  return member.raftRole ?? '-'
}

function contactOf(member: MemberStatus): string | null {
  if (member.leader) return 'leads'
  return member.lastContactMs === null ? null : formatDuration(member.lastContactMs)
}
