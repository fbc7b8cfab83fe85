import {Args, Flags} from '../../src/cli/base-command.js'
import {ChangeCommand, changeFlags} from '../../src/cli/change-command.js'
import {checkEndpoint} from '../../src/cli/endpoint.js'
import {askUpdate, type Renaming} from '../../src/cli/member-questions.js'
import {memberChangeView} from '../../src/cli/views/member-view.js'
import {RaftctlError} from '../../src/errors.js'
import {resolveMember} from '../../src/operator/resolve-member.js'
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
    member: Args.string({description: 'id, name or address; asked for at a terminal'}),
  }
  static override flags = {
    ...changeFlags,
    address: Flags.string({summary: 'Where others reach it.', helpValue: 'HOST:PORT'}),
    name: Flags.string({summary: 'What to call it; never all digits.', helpValue: 'NAME'}),
  }

  async run() {
    const {args, flags} = await this.parse(MemberUpdate)
    const member = await this.memberMeant(args.member, {message: 'Which member?'})
    const {name, address} = await this.wished(member, flags)
    const prepared = await prepareUpdate(await this.connect(), member, {name, address})
    return this.carryOut(prepared, {
      flags,
      kind: 'MemberChange',
      waiting: `updating ${member}`,
      view: change => memberChangeView(change, 'updated', 'is that already'),
    })
  }

  private async wished(
    member: string,
    {name, address}: {name?: string | undefined; address?: string | undefined},
  ): Promise<Renaming> {
    if (name === undefined && address === undefined) {
      if (this.terminal.asks) {
        const found = resolveMember(await (await this.connect()).clusterStatus(), member)
        return askUpdate(await this.asker('Name'), found)
      }
      throw new RaftctlError('RAFTCTL_USAGE', 'what is to change?', {
        hint: 'Give --name or --address.',
      })
    }
    return {name, address: address === undefined ? undefined : checkEndpoint(address)}
  }
}
