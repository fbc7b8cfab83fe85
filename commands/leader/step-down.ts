import {BaseCommand} from '../../src/cli/base-command.js'
import {leadershipView} from '../../src/cli/views/member-view.js'
import {transferLeadership} from '../../src/operator/transfer-leadership.js'

export default class LeaderStepDown extends BaseCommand {
  static override summary = 'Make the leader hand over to the voter that is most caught up.'
  static override description = 'Refused when no other voter is up to date.'
  static override examples = ['<%= config.bin %> leader step-down']

  async run() {
    await this.parse(LeaderStepDown)
    const {context} = await this.target()
    const client = await this.connect()
    this.changeSent('See "raftctl leader show".')
    const change = await transferLeadership(client, undefined)
    return this.print({kind: 'LeaderChange', context, ...change}, () => leadershipView(change))
  }
}
