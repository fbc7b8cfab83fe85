import {Args, BaseCommand} from '../../src/cli/base-command.js'
import {leadershipView} from '../../src/cli/views/member-view.js'
import {transferLeadership} from '../../src/operator/transfer-leadership.js'

export default class LeaderTransfer extends BaseCommand {
  static override summary = 'Hand leadership to another voter.'
  static override description = 'Without a MEMBER: to the voter that is most caught up.'
  static override examples = [
    '<%= config.bin %> leader transfer',
    '<%= config.bin %> leader transfer 2',
  ]
  static override args = {member: Args.string({description: 'id, name or address'})}

  async run() {
    const {args} = await this.parse(LeaderTransfer)
    const client = await this.connect()
    this.changeSent('See "raftctl leader show".')
    const change = await transferLeadership(client, args.member)
    return this.print({kind: 'LeaderChange', ...change}, () => leadershipView(change))
  }
}
