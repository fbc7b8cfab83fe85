import {BaseCommand, Flags} from '../../src/cli/base-command.js'
import {parseWhole} from '../../src/cli/number-flag.js'
import {historyView} from '../../src/cli/views/member-view.js'
import {memberHistory} from '../../src/operator/member-history.js'

export default class MemberHistory extends BaseCommand {
  static override summary = 'Show who changed the membership, when, from where and why.'
  static override description =
    'Oldest first; the last thousand changes stay known. What the leader did by itself, such as ' +
    'leaving a joint stage, has no time.'
  static override examples = [
    '<%= config.bin %> member history',
    '<%= config.bin %> member history --last 5 --json',
  ]
  static override flags = {
    last: Flags.string({summary: 'The newest N only.', helpValue: 'N'}),
  }

  async run() {
    const {flags} = await this.parse(MemberHistory)
    const last = parseWhole(flags.last, {flag: '--last', min: 1, max: 1000})
    const records = await memberHistory(await this.connect(), last)
    async function* inOrder() {
      yield* records
    }
    await this.records(inOrder(), historyView)
  }
}
