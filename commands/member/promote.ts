import {Args, Flags} from '../../src/cli/base-command.js'
import {ChangeCommand, changeFlags} from '../../src/cli/change-command.js'
import {memberChangeView} from '../../src/cli/views/member-view.js'
import {preparePromotion, prepareWithdrawal} from '../../src/operator/promote-plan.js'

export default class MemberPromote extends ChangeCommand {
  static override summary = 'Make a learner a voter.'
  static override description =
    'Refused while the learner is behind; with --wait it waits until the learner has caught up. ' +
    'Exits 0 only when the leader and a majority have the change. --cancel withdraws what ' +
    '"member add --no-wait" asked of the leader: the learner stays one.'
  static override examples = [
    '<%= config.bin %> member promote 4',
    '<%= config.bin %> member promote 4 --wait --timeout 5m',
    '<%= config.bin %> member promote 4 --cancel',
  ]
  static override args = {
    member: Args.string({description: 'id, name or address; asked for at a terminal'}),
  }
  static override flags = {
    ...changeFlags,
    wait: Flags.boolean({summary: 'Wait until it has caught up.', exclusive: ['cancel']}),
    cancel: Flags.boolean({summary: 'Withdraw the intent to promote it.'}),
  }
  static override timeoutMsDefault = undefined

  async run() {
    const {args, flags} = await this.parse(MemberPromote)
    const client = await this.connect()
    const member = await this.memberMeant(args.member, {
      message: flags.cancel ? 'Which learner is to stay one?' : 'Which learner is to vote?',
      among: ({role, promoteWhenReady}) =>
        role === 'learner' && (!flags.cancel || promoteWhenReady),
    })
    const kind = 'MemberChange'
    if (flags.cancel) {
      const prepared = await prepareWithdrawal(client, member)
      const view = (change: Parameters<typeof memberChangeView>[0]) =>
        memberChangeView(change, 'stays a learner', 'was not to be promoted')
      return this.carryOut(prepared, {flags, kind, view, waiting: `keeping ${member}`})
    }
    const prepared = await preparePromotion(client, member, {wait: flags.wait})
    return this.carryOut(prepared, {
      flags,
      kind,
      waiting: `promoting ${member}`,
      goOn: id => `Run "raftctl member promote ${id} --wait"`,
      view: change => memberChangeView(change, 'is a voter now', 'is a voter already'),
    })
  }
}
