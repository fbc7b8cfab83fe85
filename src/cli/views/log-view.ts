import {type LoggedEntry, type LogRecord, recordOf} from '../../operator/log-dump.js'
import type {LogVerification} from '../../operator/offline-log.js'
import type {View} from '../output.js'
import type {RecordView} from '../records.js'
import {logJsonLines} from './log-json.js'

export const logRecordView: RecordView<LogRecord> = {
  kind: 'LogEntry',
  columns: [
    {title: 'index', align: 'right', width: 10},
    {title: 'term', align: 'right', width: 6},
    {title: 'type', width: 10},
    {title: 'op', width: 12},
    {title: 'key', width: 24},
    {title: 'value', width: 40, cut: true},
  ],
  row: record => [
    record.index,
    record.term,
    record.type,
    record.op,
    shown(record.key, record.keyEncoding),
    record.type === 'membership' ? membershipText(record) : valueText(record),
  ],
  json: record => ({...record}),
  id: record => record.index,
}

/** Of an offline log; `marked` adds a column that tells what may still be replaced. */
export function loggedEntryView(marked: boolean): RecordView<LoggedEntry> {
  const {kind, columns, row} = logRecordView
  const mark = (committed: boolean) => (committed ? 'committed' : 'uncommitted')
  return {
    kind,
    columns: marked ? [{title: 'state', width: 11}, ...columns] : columns,
    row: entry => {
      const cells = row(recordOf(entry))
      return marked ? [mark(entry.committed), ...cells] : cells
    },
    json: entry => ({...recordOf(entry)}),
    jsonPage: logJsonLines,
    id: entry => entry.index,
  }
}

function valueText(record: LogRecord): string | null {
  return record.reason ?? shown(record.value, record.valueEncoding)
}

function shown(text: string | null, encoding: string | null): string | null {
  return encoding === 'base64' || encoding === 'hex' ? `${encoding}:${text}` : text
}

function membershipText({membership, reason}: LogRecord): string {
  if (membership === null) return reason ?? ''
  const {voters, votersOutgoing, learners, observers} = membership
  const parts = [`voters ${voters.join(',')}`]
  if (votersOutgoing.length > 0) parts.push(`outgoing ${votersOutgoing.join(',')}`)
  if (learners.length > 0) parts.push(`learners ${learners.join(',')}`)
  if (observers.length > 0) parts.push(`observers ${observers.join(',')}`)
  return parts.join('  ')
}

export function verificationView(log: LogVerification): View {
  const {dataDir, clusterId, memberId, firstIndex, lastIndex, commitIndex, segments, sizeBytes} =
    log
  const whose = clusterId === null ? 'no node.json' : `member ${memberId} of cluster ${clusterId}`
  const entries = lastIndex < firstIndex ? 'no entries' : `entries ${firstIndex} to ${lastIndex}`
  return {
    lines: [
      `whole    ${dataDir}`,
      `node     ${whose}`,
      `log      ${entries}, committed up to ${commitIndex}, ${log.sealed ? 'sealed' : 'not sealed'}`,
      `files    ${segments}, ${sizeBytes} bytes`,
    ],
  }
}
