import {Args, BaseCommand, Flags} from '../../src/cli/base-command.js'
import {snapshotFileView, snapshotsView} from '../../src/cli/views/snapshot-view.js'
import {findSnapshot} from '../../src/operator/snapshots.js'

/** As `snapshot list` prints them. */
const ID = /^\d{16}-\d{16}$/

export default class SnapshotShow extends BaseCommand {
  static override summary = 'Say what a snapshot is: of which cluster, up to where, with whom.'
  static override description =
    'Of a file, header and trailer are checked; "snapshot verify" reads all of it.'
  static override aliases = ['snapshot:inspect']
  static override examples = [
    '<%= config.bin %> snapshot show backup.snap',
    '<%= config.bin %> snapshot show 0000000000000002-0000000000005000 --member 2',
  ]
  static override args = {
    snapshot: Args.string({required: true, description: 'a file, or an id of "snapshot list"'}),
  }
  static override flags = {
    member: Flags.string({
      summary: 'Who holds it: id, name or address; without it, the leader.',
      helpValue: 'MEMBER',
    }),
  }

  async run() {
    const {args, flags} = await this.parse(SnapshotShow)
    if (ID.test(args.snapshot)) {
      const snapshot = await findSnapshot(await this.connect(), args.snapshot, flags.member)
      return this.print({kind: 'Snapshot', ...snapshot}, () => snapshotsView([snapshot]))
    }
    const {describeSnapshotFile} = await import('../../src/operator/snapshot-files.js')
    const snapshot = describeSnapshotFile(args.snapshot)
    return this.print({kind: 'SnapshotFile', ...snapshot}, () => snapshotFileView(snapshot))
  }
}
