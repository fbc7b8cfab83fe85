import {Args, BaseCommand, Flags} from '../../src/cli/base-command.js'
import {parseWhole} from '../../src/cli/number-flag.js'
import {logRecordView} from '../../src/cli/views/log-view.js'
import {dumpLog} from '../../src/operator/log-dump.js'

export default class LogShow extends BaseCommand {
  static override summary = 'Print one committed log entry.'
  static override examples = [
    '<%= config.bin %> log show 12',
    '<%= config.bin %> log show 12 --member 2 --json',
  ]
  static override args = {
    index: Args.string({required: true, description: 'index of the entry'}),
  }
  static override flags = {
    member: Flags.string({
      summary: 'Whose log: id, name or address; without it, that of the leader.',
      helpValue: 'MEMBER',
    }),
  }

  async run() {
    const {args, flags} = await this.parse(LogShow)
    const index = parseWhole(args.index, {flag: 'INDEX', min: 1})
    const client = await this.connect()
    await this.records(
      dumpLog(client, {from: index, to: index, member: flags.member}),
      logRecordView,
    )
  }
}
