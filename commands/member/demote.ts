import {Args} from '../../src/cli/base-command.js'
import {ChangeCommand, changeFlags} from '../../src/cli/change-command.js'
import {memberChangeView} from '../../src/cli/views/member-view.js'
import {prepareDemotion} from '../../src/operator/demote-member.js'

export default class MemberDemote extends ChangeCommand {
  static override summary = 'Make a voter a learner: it goes on copying, and votes no more.'
  static override description =
    'Refused when the voters left would have no majority that is up to date. A leader hands ' +
    'leadership over first.'
  static override examples = [
    '<%= config.bin %> member demote 3',
    '<%= config.bin %> member demote 3 --dry-run',
  ]
  static override args = {
    member: Args.string({description: 'id, name or address; asked for at a terminal'}),
  }
  static override flags = changeFlags

  async run() {
    const {args, flags} = await this.parse(MemberDemote)
    const member = await this.memberMeant(args.member, {
      message: 'Which voter is to vote no more?',
      among: ({role}) => role === 'voter',
    })
    const prepared = await prepareDemotion(await this.connect(), member)
    return this.carryOut(prepared, {
      flags,
      kind: 'MemberChange',
      waiting: `demoting ${member}`,
      view: change => memberChangeView(change, 'is a learner now', 'is a learner already'),
    })
  }
}
