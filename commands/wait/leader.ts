import {WaitCommand} from '../../src/cli/wait-command.js'

export default class WaitLeader extends WaitCommand {
  static override summary = 'Wait until a member leads.'
  static override examples = ['<%= config.bin %> wait leader --timeout 30s']

  async run() {
    await this.parse(WaitLeader)
    return this.waitFor({kind: 'leader'})
  }
}
