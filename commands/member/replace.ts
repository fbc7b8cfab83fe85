import {Args, Flags} from '../../src/cli/base-command.js'
import {ChangeCommand, changeFlags} from '../../src/cli/change-command.js'
import {checkEndpoint} from '../../src/cli/endpoint.js'
import {newLocalNode} from '../../src/cli/new-local-node.js'
import {prepareReplacement} from '../../src/operator/replace-member.js'

export default class MemberReplace extends ChangeCommand {
  static override summary = 'Put a new node in the place of a member, which may be dead.'
  static override description =
    'The new node becomes a learner under a new id, catches up, and takes the place of the old ' +
    'member in one joint change. Without an ADDRESS: the node that answers at the address of the ' +
    'old one on an empty disk; in a local cluster, else, a new node that it starts itself.'
  static override examples = [
    '<%= config.bin %> member replace 3',
    '<%= config.bin %> member replace 3 10.0.0.14:7400 --reason "dead disk"',
    '<%= config.bin %> member replace 3 --dry-run',
  ]
  static override args = {
    member: Args.string({
      description: 'id, name or address of the old one; asked for at a terminal',
    }),
    address: Args.string({description: 'HOST:PORT of a node that belongs to no cluster yet'}),
  }
  static override flags = {
    ...changeFlags,
    name: Flags.string({summary: 'What to call the new one.', helpValue: 'NAME'}),
  }
  static override timeoutMsDefault = undefined

  async run() {
    const {args, flags} = await this.parse(MemberReplace)
    const client = await this.connect()
    const given = args.address === undefined ? undefined : checkEndpoint(args.address)
    const member = await this.memberMeant(args.member, {message: 'Which member is to be replaced?'})
    const address = async () => newLocalNode(await this.meantCluster(undefined), client)
    const prepared = await prepareReplacement(client, member, {address, name: flags.name}, given)
    const [old] = prepared.removed
    return this.carryOutJoint(prepared, {
      flags,
      question: old && `Replace ${old.role} ${old.id} at ${old.address} for good?`,
      waiting: `replacing ${member}`,
    })
  }
}
