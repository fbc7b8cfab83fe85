import {Args, Flags} from '../../src/cli/base-command.js'
import {ChangeCommand, changeFlags} from '../../src/cli/change-command.js'
import {membershipChangeView} from '../../src/cli/views/member-view.js'
import {RaftctlError} from '../../src/errors.js'
import {cancelSet, prepareSet} from '../../src/operator/change-membership.js'

export default class MemberSet extends ChangeCommand {
  static override summary = 'Make exactly these members the voters, as one joint change.'
  static override description =
    'Learners among them catch up first; voters that are not named are removed for good. ' +
    '--cancel gives up a change whose new voters are still catching up.'
  static override examples = [
    '<%= config.bin %> member set 1 2 4',
    '<%= config.bin %> member set 1 2 4 --learner 3 --dry-run',
    '<%= config.bin %> member set --cancel',
  ]
  static override strict = false
  static override args = {
    members: Args.string({description: 'ids, names or addresses of the voters'}),
  }
  static override flags = {
    ...changeFlags,
    learner: Flags.string({
      summary: 'A member that is to be a learner; without any, the learners stay.',
      helpValue: 'MEMBER',
      multiple: true,
      multipleNonGreedy: true,
    }),
    cancel: Flags.boolean({summary: 'Give up the change under way.'}),
  }
  static override timeoutMsDefault = undefined

  async run() {
    const {argv, flags} = await this.parse(MemberSet)
    const client = await this.connect()
    if (flags.cancel) {
      const {context} = await this.target()
      const change = await cancelSet(client, {
        reason: flags.reason,
        onSend: () => this.changeSent('See "raftctl member list".'),
      })
      const result = {kind: 'MembershipChange', context, ...change}
      return this.print(result, () => membershipChangeView(change))
    }
    const voters = (argv as string[]).flatMap(text => text.split(',')).filter(text => text !== '')
    if (voters.length === 0) {
      throw new RaftctlError('RAFTCTL_USAGE', 'which members are to vote?', {
        hint: 'Give their ids: raftctl member set 1 2 3.',
      })
    }
    const prepared = await prepareSet(client, voters, {learners: flags.learner})
    return this.carryOutJoint(prepared, {flags, waiting: 'changing the membership'})
  }
}
