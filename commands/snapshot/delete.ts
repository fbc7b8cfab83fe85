import {Args, BaseCommand, Flags} from '../../src/cli/base-command.js'
import {deletedSnapshotView} from '../../src/cli/views/snapshot-view.js'
import {deleteSnapshot} from '../../src/operator/snapshots.js'

export default class SnapshotDelete extends BaseCommand {
  static override summary = 'Delete a snapshot that a member holds.'
  static override description =
    'For good, and there only: the members keep snapshots of their own. Refused for the newest one ' +
    'where the log begins behind it. A file that the member found damaged goes too.'
  static override examples = [
    '<%= config.bin %> snapshot delete 0000000000000002-0000000000005000',
    '<%= config.bin %> snapshot delete 0000000000000002-0000000000005000 --member 2 --yes',
  ]
  static override args = {
    snapshot: Args.string({required: true, description: 'an id of "snapshot list"'}),
  }
  static override flags = {
    member: Flags.string({
      summary: 'Whose: id, name or address; without it, that of the leader.',
      helpValue: 'MEMBER',
    }),
  }

  async run() {
    const {args, flags} = await this.parse(SnapshotDelete)
    const client = await this.connect()
    await this.confirm(`Delete snapshot ${args.snapshot} of ${flags.member ?? 'the leader'}?`)
    const deleted = await deleteSnapshot(client, args.snapshot, flags.member)
    return this.print({kind: 'SnapshotDeleted', changed: true, ...deleted}, () =>
      deletedSnapshotView(deleted),
    )
  }
}
