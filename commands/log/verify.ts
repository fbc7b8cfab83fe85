import {BaseCommand, Flags} from '../../src/cli/base-command.js'
import {verificationView} from '../../src/cli/views/log-view.js'

export default class LogVerify extends BaseCommand {
  static override summary = "Check every checksum of a node's log, without the node."
  static override description =
    'Changes nothing, and may be run beside the node. Damage ends with status 14 and names file, ' +
    'offset and index. What a crash left of the last batch is no damage: it is reported, and the ' +
    'node cuts it off when it starts.'
  static override examples = ['<%= config.bin %> log verify --data-dir /var/lib/raftctl']
  static override flags = {
    'data-dir': Flags.string({
      summary: 'The data directory of the node.',
      helpValue: 'DIRECTORY',
      required: true,
    }),
  }
  static override timeoutMsDefault = undefined

  async run() {
    const {flags} = await this.parse(LogVerify)
    const {verifyOfflineLog} = await import('../../src/operator/offline-log.js')
    const log = await verifyOfflineLog(flags['data-dir'])
    const warnings = log.tornBytes === 0 ? [] : [tornTail(log.tornBytes)]
    return this.print({kind: 'LogVerification', ...log, warnings}, () => verificationView(log))
  }
}

function tornTail(bytes: number): string {
  return `${bytes} bytes follow the last whole batch: being written, or left by a crash`
}
