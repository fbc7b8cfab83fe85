import {WaitCommand} from '../../src/cli/wait-command.js'

export default class WaitReady extends WaitCommand {
  static override summary = 'Wait until a member leads and a majority of the voters is up to date.'
  static override examples = ['<%= config.bin %> wait ready --timeout 30s']

  async run() {
    await this.parse(WaitReady)
    return this.waitFor({kind: 'ready'})
  }
}
