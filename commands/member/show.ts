import {Args, BaseCommand} from '../../src/cli/base-command.js'
import {memberShowView} from '../../src/cli/views/member-view.js'
import {resolveMember} from '../../src/operator/resolve-member.js'

export default class MemberShow extends BaseCommand {
  static override summary = 'Show everything known of one member.'
  static override examples = [
    '<%= config.bin %> member show 3',
    '<%= config.bin %> member show node-3 --json',
  ]
  static override args = {
    member: Args.string({required: true, description: 'id, name or address'}),
  }

  async run() {
    const {args} = await this.parse(MemberShow)
    const {context} = await this.target()
    const status = await (await this.connect()).clusterStatus()
    const member = resolveMember(status, args.member)
    const {clusterId} = status
    return this.print({kind: 'Member', context, clusterId, ...member}, () => memberShowView(member))
  }
}
