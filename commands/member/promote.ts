import {Args, BaseCommand, Flags} from '../../src/cli/base-command.js'
import {catchUpText, memberChangeView} from '../../src/cli/views/member-view.js'
import {promoteMember} from '../../src/operator/promote-member.js'

export default class MemberPromote extends BaseCommand {
  static override summary = 'Make a learner a voter.'
  static override description =
    'Refused while the learner is behind; with --wait it waits until the learner has caught up. ' +
    'Exits 0 only when the leader and a majority have the change.'
  static override examples = [
    '<%= config.bin %> member promote 4',
    '<%= config.bin %> member promote 4 --wait --timeout 5m',
  ]
  static override args = {
    member: Args.string({required: true, description: 'id, name or address'}),
  }
  static override flags = {
    wait: Flags.boolean({summary: 'Wait until it has caught up.'}),
    reason: Flags.string({summary: 'Why, for the history.', helpValue: 'TEXT'}),
  }
  static override timeoutMsDefault = undefined

  async run() {
    const {args, flags} = await this.parse(MemberPromote)
    const client = await this.connect()
    const progress = await this.progress(`promoting ${args.member}`)
    const change = await promoteMember(client, args.member, {
      wait: flags.wait,
      waitMs: this.timeoutMs,
      reason: flags.reason,
      onSend: () => this.changeSent('See "raftctl member list".'),
      onProgress: catchUp => progress.update(catchUpText(catchUp)),
    })
    progress.done()
    return this.print({kind: 'MemberChange', ...change}, () =>
      memberChangeView(change, 'is a voter now', 'is a voter already'),
    )
  }
}
