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
    member: Args.string({required: true, description: 'id, name or address'}),
  }
  static override flags = changeFlags

  async run() {
    const {args, flags} = await this.parse(MemberDemote)
    const prepared = await prepareDemotion(await this.connect(), args.member)
    return this.carryOut(prepared, {
      flags,
      kind: 'MemberChange',
      waiting: `demoting ${args.member}`,
      view: change => memberChangeView(change, 'is a learner now', 'is a learner already'),
    })
  }
}
