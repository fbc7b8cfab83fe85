import {Args} from '../../src/cli/base-command.js'
import {WaitCommand} from '../../src/cli/wait-command.js'

export default class WaitCaughtUp extends WaitCommand {
  static override summary = 'Wait until a member holds what was committed when the wait began.'
  static override description =
    'The leader must have heard from it within an election timeout, too.'
  static override examples = ['<%= config.bin %> wait caught-up 3 --timeout 5m']
  static override args = {
    member: Args.string({required: true, description: 'id, name or address'}),
  }

  async run() {
    const {args} = await this.parse(WaitCaughtUp)
    return this.waitFor({kind: 'caught-up', member: args.member})
  }
}
