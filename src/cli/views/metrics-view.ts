import type {Sample} from '../../client/types.js'
import type {RecordView} from '../records.js'

export const sampleView: RecordView<Sample> = {
  kind: 'MetricsSample',
  // The default fits 80 columns; -o wide shows all.
  columns: [
    {title: 'time', width: 24},
    {title: 'member', align: 'right', width: 6, wide: true},
    {title: 'role', width: 9},
    {title: 'term', align: 'right', width: 5},
    {title: 'leader', align: 'right', width: 6},
    {title: 'last', align: 'right', width: 10, wide: true},
    {title: 'commit', align: 'right', width: 8},
    {title: 'applied', align: 'right', width: 8},
    {title: 'snapshot', align: 'right', width: 10, wide: true},
    {title: 'proposals', align: 'right', width: 10, wide: true},
    {title: 'syncs', align: 'right', width: 10, wide: true},
    {title: 'sync ms', align: 'right', width: 7},
    {title: 'elections', align: 'right', width: 9, wide: true},
    {title: 'loop ms', align: 'right', width: 8, wide: true},
  ],
  row: sample => [
    sample.time,
    sample.nodeId,
    sample.role,
    sample.term,
    sample.leaderId,
    sample.lastIndex,
    sample.commitIndex,
    sample.appliedIndex,
    sample.snapshotIndex,
    sample.proposalsTotal,
    sample.logSyncsTotal,
    sample.logSyncsTotal === 0 ? null : tenths(sample.logSyncMsTotal / sample.logSyncsTotal),
    sample.electionsTotal,
    tenths(sample.eventLoopDelayMs),
  ],
  json: sample => ({...sample}),
  id: sample => sample.commitIndex,
}

function tenths(ms: number): string {
  return ms.toFixed(1)
}
