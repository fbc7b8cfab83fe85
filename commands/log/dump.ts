import {BaseCommand, Flags} from '../../src/cli/base-command.js'
import {parseWhole} from '../../src/cli/number-flag.js'
import {loggedEntryView, logRecordView} from '../../src/cli/views/log-view.js'
import {dumpLog, LOG_ENCODINGS, selected} from '../../src/operator/log-dump.js'

export default class LogDump extends BaseCommand {
  static override summary = 'Print committed log entries, one a line.'
  static override description =
    'Ends at the commit index, whatever --to says, unless it is to --follow. A range that begins before the first index that ' +
    'the log still holds ends with status 17 and names that index. With --data-dir it reads the ' +
    'directory of a node, running or not, and ends at the commit record that the log holds; ' +
    '--uncommitted goes on to its last entry.'
  static override examples = [
    '<%= config.bin %> log dump',
    '<%= config.bin %> log dump --from 1 --to 20 --json',
    '<%= config.bin %> log dump --member 2',
    '<%= config.bin %> log dump --follow --type membership --json',
    '<%= config.bin %> log dump --data-dir /var/lib/raftctl --uncommitted',
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
      exclusive: ['data-dir'],
    }),
    'data-dir': Flags.string({
      summary: 'Read this data directory instead of asking a node.',
      helpValue: 'DIRECTORY',
    }),
    follow: Flags.boolean({
      summary: 'Go on with what is committed later, until Ctrl-C or --to.',
      exclusive: ['data-dir'],
    }),
    type: Flags.option({
      summary: 'Only entries of this type.',
      options: ['blank', 'command', 'membership'] as const,
    })(),
    encoding: Flags.option({
      summary: 'Of keys and values; without it, text where they are text, else base64.',
      options: LOG_ENCODINGS,
    })(),
    uncommitted: Flags.boolean({
      summary: 'Also what may still be replaced, marked so.',
      dependsOn: ['data-dir'],
    }),
  }
  static override timeoutMsDefault = undefined

  async run() {
    const {flags} = await this.parse(LogDump)
    const from = parseWhole(flags.from, {flag: '--from', min: 1})
    const to = parseWhole(flags.to, {flag: '--to', min: from ?? 1})
    const {member, follow, type, encoding, uncommitted, 'data-dir': dataDir} = flags
    if (dataDir === undefined) {
      const records = dumpLog(await this.connect(), {from, to, member, follow})
      await this.records(selected(records, {type, encoding}), logRecordView)
      return
    }
    const {dumpOfflineLog, offlineRecords} = await import('../../src/operator/offline-log.js')
    if (type !== undefined || encoding !== undefined) {
      const records = offlineRecords(dataDir, {from, to, uncommitted})
      await this.records(selected(records, {type, encoding}), logRecordView)
      return
    }
    const entries = dumpOfflineLog(dataDir, {from, to, uncommitted})
    await this.records(entries, loggedEntryView(uncommitted))
  }
}
