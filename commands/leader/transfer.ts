import {Args, BaseCommand, Flags} from '../../src/cli/base-command.js'
import {leadershipView} from '../../src/cli/views/member-view.js'
import {RaftctlError} from '../../src/errors.js'
import {moveLeadershipAway, transferLeadership} from '../../src/operator/transfer-leadership.js'

export default class LeaderTransfer extends BaseCommand {
  static override summary = 'Hand leadership to another voter.'
  static override description =
    'Without a MEMBER: to the voter that is most caught up. With --away-from nothing is done if ' +
    'that member does not lead: for scripts, before they stop it.'
  static override examples = [
    '<%= config.bin %> leader transfer',
    '<%= config.bin %> leader transfer 2',
    '<%= config.bin %> leader transfer --away-from 2',
  ]
  static override args = {member: Args.string({description: 'id, name or address'})}
  static override flags = {
    'away-from': Flags.string({
      summary: 'Only if this member leads: id, name or address.',
      helpValue: 'MEMBER',
    }),
  }

  async run() {
    const {args, flags} = await this.parse(LeaderTransfer)
    const {'away-from': awayFrom} = flags
    if (args.member !== undefined && args.member === awayFrom) {
      throw new RaftctlError('RAFTCTL_USAGE', 'it can not go to the member that it is to leave')
    }
    const {context} = await this.target()
    const client = await this.connect()
    this.changeSent('See "raftctl leader show".')
    const change =
      awayFrom === undefined
        ? await transferLeadership(client, args.member)
        : await moveLeadershipAway(client, awayFrom, args.member)
    return this.print({kind: 'LeaderChange', context, ...change}, () => leadershipView(change))
  }
}
