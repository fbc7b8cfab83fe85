import {WaitCommand} from '../../src/cli/wait-command.js'

export default class WaitHealthy extends WaitCommand {
  static override summary = 'Wait until "status --check" finds nothing wrong.'
  static override examples = ['<%= config.bin %> wait healthy --timeout 30s']

  async run() {
    await this.parse(WaitHealthy)
    return this.waitFor({kind: 'healthy'})
  }
}
