import {Args, BaseCommand, Flags} from '../../src/cli/base-command.js'
import {memberChangeView} from '../../src/cli/views/member-view.js'
import {planRemoval, removeMember} from '../../src/operator/remove-member.js'

export default class MemberRemove extends BaseCommand {
  static override summary = 'Remove a member for good.'
  static override description =
    'Its id is never used again, and its node stops when told. Refused when the voters left would ' +
    'have no majority that is up to date. A leader hands leadership over first.'
  static override examples = [
    '<%= config.bin %> member remove 3',
    '<%= config.bin %> member remove node-3 --yes --reason "disk replaced"',
  ]
  static override args = {
    member: Args.string({required: true, description: 'id, name or address'}),
  }
  static override flags = {
    reason: Flags.string({summary: 'Why, for the history.', helpValue: 'TEXT'}),
  }

  async run() {
    const {args, flags} = await this.parse(MemberRemove)
    const client = await this.connect()
    const {status, member} = await planRemoval(client, args.member)
    if (member !== undefined) {
      const {context} = await this.target()
      const where = context ?? status.clusterId
      await this.confirm(`Remove ${member.role} ${args.member} from cluster ${where}?`)
    }
    this.changeSent('See "raftctl member list".')
    const change = await removeMember(client, args.member, {reason: flags.reason})
    return this.print({kind: 'MemberChange', ...change}, () =>
      memberChangeView(change, 'removed', 'is no member any more'),
    )
  }
}
