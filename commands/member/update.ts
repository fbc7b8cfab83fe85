import {Args, Flags} from '../../src/cli/base-command.js'
import {ChangeCommand, changeFlags} from '../../src/cli/change-command.js'
import {checkEndpoint} from '../../src/cli/endpoint.js'
import {memberChangeView} from '../../src/cli/views/member-view.js'
import {RaftctlError} from '../../src/errors.js'
import {prepareUpdate} from '../../src/operator/update-member.js'

export default class MemberUpdate extends ChangeCommand {
  static override summary = 'Give a member another name or address.'
  static override description =
    'The member has to answer at its new address already; --force address does without.'
  static override examples = [
    '<%= config.bin %> member update 3 --name c',
    '<%= config.bin %> member update 3 --address 10.0.0.13:7500 --reason "new network"',
  ]
  static override args = {
    member: Args.string({required: true, description: 'id, name or address'}),
  }
  static override flags = {
    ...changeFlags,
    address: Flags.string({summary: 'Where others reach it.', helpValue: 'HOST:PORT'}),
    name: Flags.string({summary: 'What to call it; never all digits.', helpValue: 'NAME'}),
  }

  async run() {
    const {args, flags} = await this.parse(MemberUpdate)
    const {name} = flags
    const address = flags.address === undefined ? undefined : checkEndpoint(flags.address)
    if (name === undefined && address === undefined) {
      throw new RaftctlError('RAFTCTL_USAGE', 'what is to change?', {
        hint: 'Give --name or --address.',
      })
    }
    const prepared = await prepareUpdate(await this.connect(), args.member, {name, address})
    return this.carryOut(prepared, {
      flags,
      kind: 'MemberChange',
      waiting: `updating ${args.member}`,
      view: change => memberChangeView(change, 'updated', 'is that already'),
    })
  }
}
