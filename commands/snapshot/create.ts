import {BaseCommand, Flags} from '../../src/cli/base-command.js'
import {snapshotsView} from '../../src/cli/views/snapshot-view.js'
import {createSnapshot} from '../../src/operator/snapshots.js'

export default class SnapshotCreate extends BaseCommand {
  static override summary = 'Take a snapshot now.'
  static override examples = [
    '<%= config.bin %> snapshot create',
    '<%= config.bin %> snapshot create --member 2',
  ]
  static override flags = {
    member: Flags.string({
      summary: 'Where: id, name or address; without it, on the leader.',
      helpValue: 'MEMBER',
    }),
  }

  async run() {
    const {flags} = await this.parse(SnapshotCreate)
    const snapshot = await createSnapshot(await this.connect(), flags.member)
    return this.print({kind: 'Snapshot', ...snapshot}, () => snapshotsView([snapshot]))
  }
}
