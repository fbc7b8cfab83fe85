import {Args} from '../../src/cli/base-command.js'
import {WaitCommand} from '../../src/cli/wait-command.js'

export default class WaitSafeToStop extends WaitCommand {
  static override summary = 'Wait until a member may stop: the others keep a quorum.'
  static override description =
    'A majority of all voters must be up to date without it. For scripts that restart one after the other.'
  static override examples = ['<%= config.bin %> wait safe-to-stop 3 --timeout 5m']
  static override args = {
    member: Args.string({required: true, description: 'id, name or address'}),
  }

  async run() {
    const {args} = await this.parse(WaitSafeToStop)
    return this.waitFor({kind: 'safe-to-stop', member: args.member})
  }
}
