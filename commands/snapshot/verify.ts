import {Args, BaseCommand} from '../../src/cli/base-command.js'
import {snapshotFileView} from '../../src/cli/views/snapshot-view.js'

export default class SnapshotVerify extends BaseCommand {
  static override summary = 'Read all of a snapshot file and check every byte of it.'
  static override description = 'Damage ends with status 14 and names the offset. Needs no cluster.'
  static override examples = ['<%= config.bin %> snapshot verify backup.snap']
  static override args = {file: Args.string({required: true, description: 'the file'})}
  static override timeoutMsDefault = undefined

  async run() {
    const {args} = await this.parse(SnapshotVerify)
    const {verifySnapshot} = await import('../../src/operator/snapshot-files.js')
    const snapshot = await verifySnapshot(args.file)
    return this.print({kind: 'SnapshotVerification', ...snapshot}, () => snapshotFileView(snapshot))
  }
}
