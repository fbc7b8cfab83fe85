import type {KeyChangeRecord, KeyValueRecord} from '../../operator/key-values.js'
import type {PutSummary} from '../../operator/put-lines.js'
import type {StateComparison} from '../../operator/state-hash.js'
import {formatDuration} from '../duration.js'
import type {View} from '../output.js'
import type {RecordView} from '../records.js'

export const keyValueView: RecordView<KeyValueRecord> = {
  kind: 'KeyValue',
  columns: [
    {title: 'key', width: 24},
    {title: 'version', align: 'right', width: 10},
    {title: 'value', width: 44, cut: true},
  ],
  row: ({key, keyEncoding, version, value, valueEncoding}) => [
    keyEncoding === 'base64' ? `base64:${key}` : key,
    version,
    valueEncoding === 'base64' ? `base64:${value}` : value,
  ],
  json: record => ({...record}),
  id: ({key}) => key,
}

export const keyChangeView: RecordView<KeyChangeRecord> = {
  kind: 'KeyChange',
  columns: [
    {title: 'version', align: 'right', width: 10},
    {title: 'op', width: 6},
    {title: 'key', width: 24},
    {title: 'value', width: 44, cut: true},
  ],
  row: ({op, key, keyEncoding, version, value, valueEncoding}) => [
    version,
    op,
    keyEncoding === 'base64' ? `base64:${key}` : key,
    valueEncoding === 'base64' ? `base64:${value}` : value,
  ],
  json: record => ({...record}),
  id: ({version}) => version,
}

export function stateHashView({index, equal, members}: StateComparison): View {
  return {
    lines: [`index ${index}  ${equal ? 'equal on all that answered' : 'DIFFERENT'}`],
    table: {
      columns: [
        {title: 'id', align: 'right'},
        {title: 'name'},
        {title: 'hash'},
        {title: 'why not'},
      ],
      rows: members.map(({id, name, hash, problem}) => [id, name, hash, problem]),
    },
    ids: members.map(({hash}) => hash),
  }
}

export function putSummaryView({acknowledged, elapsedMs}: PutSummary): View {
  const rate = elapsedMs > 0 ? Math.round((acknowledged / elapsedMs) * 1000) : 0
  return {
    lines: [`${acknowledged} acknowledged in ${formatDuration(elapsedMs)}, ${rate} a second`],
  }
}
