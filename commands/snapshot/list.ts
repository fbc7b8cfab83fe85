import {BaseCommand, Flags} from '../../src/cli/base-command.js'
import {snapshotsView} from '../../src/cli/views/snapshot-view.js'
import {listSnapshots} from '../../src/operator/snapshots.js'

export default class SnapshotList extends BaseCommand {
  static override summary = 'List the snapshots that a member holds, newest last.'
  static override examples = [
    '<%= config.bin %> snapshot list',
    '<%= config.bin %> snapshot list --member 2 --json',
  ]
  static override flags = {
    member: Flags.string({
      summary: 'Whose: id, name or address; without it, those of the leader.',
      helpValue: 'MEMBER',
    }),
  }

  async run() {
    const {flags} = await this.parse(SnapshotList)
    const items = await listSnapshots(await this.connect(), flags.member)
    return this.print({kind: 'SnapshotList', items}, () => snapshotsView(items))
  }
}
