import {Args, Flags} from '../../src/cli/base-command.js'
import {parseWhole} from '../../src/cli/number-flag.js'
import {WaitCommand} from '../../src/cli/wait-command.js'

export default class WaitApplied extends WaitCommand {
  static override summary = 'Wait until the leader has applied an index.'
  static override examples = [
    '<%= config.bin %> wait applied 120 --timeout 10s',
    '<%= config.bin %> wait applied 120 --member all',
  ]
  static override args = {
    index: Args.string({required: true, description: 'index of the log entry'}),
  }
  static override flags = {
    member: Flags.string({
      summary: 'Which member instead: id, name or address, or "all".',
      helpValue: 'MEMBER',
    }),
  }

  async run() {
    const {args, flags} = await this.parse(WaitApplied)
    const index = parseWhole(args.index, {flag: 'INDEX', min: 1})!
    return this.waitFor({kind: 'applied', index, member: flags.member})
  }
}
