import type {Sample} from '../../client/types.js'
import type {RecordView} from '../records.js'

export const sampleView: RecordView<Sample> = {
  kind: 'MetricsSample',
  columns: [
    {title: 'time', width: 24},
    {title: 'member', align: 'right', width: 6},
    {title: 'role', width: 13},
    {title: 'term', align: 'right', width: 6},
    {title: 'leader', align: 'right', width: 6},
    {title: 'last', align: 'right', width: 10},
    {title: 'commit', align: 'right', width: 10},
    {title: 'applied', align: 'right', width: 10},
    {title: 'snapshot', align: 'right', width: 10},
    {title: 'proposals', align: 'right', width: 10},
    {title: 'syncs', align: 'right', width: 10},
    {title: 'sync ms', align: 'right', width: 8},
    {title: 'elections', align: 'right', width: 9},
    {title: 'loop ms', align: 'right', width: 8},
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
