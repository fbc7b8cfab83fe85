import type {Snapshot} from '../../client/types.js'
import type {View} from '../output.js'

export function snapshotsView(snapshots: readonly Snapshot[]): View {
  return {
    table: {
      columns: [
        {title: 'id'},
        {title: 'member', align: 'right'},
        {title: 'index', align: 'right'},
        {title: 'term', align: 'right'},
        {title: 'bytes', align: 'right'},
        {title: 'created'},
      ],
      rows: snapshots.map(({id, nodeId, index, term, sizeBytes, created}) => [
        id,
        nodeId,
        index,
        term,
        sizeBytes,
        created,
      ]),
    },
    ids: snapshots.map(({id}) => id),
  }
}
