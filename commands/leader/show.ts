import {BaseCommand} from '../../src/cli/base-command.js'

export default class LeaderShow extends BaseCommand {
  static override summary = 'Show who leads.'
  static override examples = ['<%= config.bin %> leader show', '<%= config.bin %> leader show -q']

  async run() {
    await this.parse(LeaderShow)
    const {clusterId, nodeId, name, address, term, commitIndex} = await (
      await this.connect()
    ).leaderStatus()
    const leader = {clusterId, id: nodeId, name, address, term, commitIndex}
    return this.print({kind: 'Leader', ...leader}, () => ({
      lines: [`member ${nodeId}${name === '' ? '' : ` (${name})`} at ${address}, term ${term}`],
      ids: [nodeId],
    }))
  }
}
