import {BaseCommand, Flags} from '../../src/cli/base-command.js'
import {parseWhole} from '../../src/cli/number-flag.js'
import {logRecordView} from '../../src/cli/views/log-view.js'
import {dumpLog} from '../../src/operator/log-dump.js'

export default class LogDump extends BaseCommand {
  static override summary = 'Print committed log entries, one a line.'
  static override description =
    'Ends at the commit index, whatever --to says. A range that begins before the first index that ' +
    'the log still holds ends with status 17 and names that index.'
  static override examples = [
    '<%= config.bin %> log dump',
    '<%= config.bin %> log dump --from 1 --to 20 --json',
    '<%= config.bin %> log dump --member 2',
  ]
  static override flags = {
    from: Flags.string({
      summary: 'First index; without it, the first available.',
      helpValue: 'INDEX',
    }),
    to: Flags.string({summary: 'Last index; without it, the commit index.', helpValue: 'INDEX'}),
    member: Flags.string({
      summary: 'Whose log: id, name or address; without it, that of the leader.',
      helpValue: 'MEMBER',
    }),
  }
  static override timeoutMsDefault = undefined

  async run() {
    const {flags} = await this.parse(LogDump)
    const from = parseWhole(flags.from, {flag: '--from', min: 1})
    const to = parseWhole(flags.to, {flag: '--to', min: from ?? 1})
    const entries = dumpLog(await this.connect(), {from, to, member: flags.member})
    await this.records(entries, logRecordView)
  }
}
