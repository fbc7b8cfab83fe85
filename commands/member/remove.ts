import {Args} from '../../src/cli/base-command.js'
import {ChangeCommand, changeFlags} from '../../src/cli/change-command.js'
import {memberChangeView} from '../../src/cli/views/member-view.js'
import {prepareRemoval} from '../../src/operator/remove-member.js'

export default class MemberRemove extends ChangeCommand {
  static override summary = 'Remove a member for good.'
  static override description =
    'Its id is never used again, and its node stops when told. Refused when the voters left would ' +
    'have no majority that is up to date. A leader hands leadership over first. In a local cluster ' +
    "the node's process and its data go too."
  static override examples = [
    '<%= config.bin %> member remove 3',
    '<%= config.bin %> member remove 3 --dry-run',
    '<%= config.bin %> member remove node-3 --yes --reason "disk replaced"',
  ]
  static override args = {
    member: Args.string({description: 'id, name or address; asked for at a terminal'}),
  }
  static override flags = changeFlags

  async run() {
    const {args, flags} = await this.parse(MemberRemove)
    const meant = await this.memberMeant(args.member, {message: 'Which member is to go for good?'})
    const prepared = await prepareRemoval(await this.connect(), meant)
    const {member} = prepared
    return this.carryOut(prepared, {
      flags,
      question: member && `Remove ${member.role} ${member.id} at ${member.address}?`,
      waiting: `removing ${meant}`,
      kind: 'MemberChange',
      afterwards: ({memberId}) =>
        this.discardLocally({id: memberId, address: member?.address ?? ''}),
      view: change => memberChangeView(change, 'removed', 'is no member any more'),
    })
  }
}
