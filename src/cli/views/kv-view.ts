import type {KeyValueRecord} from '../../operator/key-values.js'
import type {PutSummary} from '../../operator/put-lines.js'
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

export function putSummaryView({acknowledged, elapsedMs}: PutSummary): View {
  const rate = elapsedMs > 0 ? Math.round((acknowledged / elapsedMs) * 1000) : 0
  return {
    lines: [`${acknowledged} acknowledged in ${formatDuration(elapsedMs)}, ${rate} a second`],
  }
}
