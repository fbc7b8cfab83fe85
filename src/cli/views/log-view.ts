import type {LogRecord} from '../../operator/log-dump.js'
import type {RecordView} from '../records.js'

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

function valueText(record: LogRecord): string | null {
  return record.reason ?? shown(record.value, record.valueEncoding)
}

function shown(text: string | null, encoding: string | null): string | null {
  return encoding === 'base64' ? `base64:${text}` : text
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
