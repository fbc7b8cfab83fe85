import {Args, Flags} from '../../src/cli/base-command.js'
import {LocalCommand} from '../../src/cli/local-command.js'
import {newLocalNode} from '../../src/cli/new-local-node.js'
import {catchUpText, memberChangeView} from '../../src/cli/views/member-view.js'
import {addMember} from '../../src/operator/add-member.js'

export default class MemberAdd extends LocalCommand {
  static override summary = 'Add a member the safe way: learner first, voter once caught up.'
  static override description =
    'Checks that the node answers and is free, writes it into the membership as a learner, joins ' +
    'it, waits until it has caught up, and promotes it. Run again after an interruption, it goes ' +
    'on where it stopped. In a local cluster, without an ADDRESS, it starts the new node itself.'
  static override examples = [
    '<%= config.bin %> member add 10.0.0.14:7400',
    '<%= config.bin %> member add --learner',
    '<%= config.bin %> member add 10.0.0.14:7400 --name d --reason "replaces c"',
  ]
  static override args = {
    address: Args.string({description: 'HOST:PORT of a node that belongs to no cluster yet'}),
  }
  static override flags = {
    learner: Flags.boolean({summary: 'Leave it a learner: it copies, and does not vote.'}),
    name: Flags.string({summary: 'What to call it; never all digits.', helpValue: 'NAME'}),
    reason: Flags.string({summary: 'Why, for the history.', helpValue: 'TEXT'}),
  }
  static override timeoutMsDefault = undefined

  async run() {
    const {args, flags} = await this.parse(MemberAdd)
    const client = await this.connect()
    const address = args.address ?? (await newLocalNode(await this.meantCluster(undefined), client))
    const progress = await this.progress(`looking at ${address}`)
    const change = await addMember(client, address, {
      role: flags.learner ? 'learner' : 'voter',
      name: flags.name,
      reason: flags.reason,
      waitMs: this.timeoutMs,
      onSend: () => {
        this.changeSent('Run the same command again to go on, or see "raftctl member list".')
      },
      onStep: (step, id) => progress.update(`member ${id} ${step}`),
      onProgress: catchUp => progress.update(catchUpText(catchUp)),
    })
    progress.done()
    return this.print({kind: 'MemberChange', ...change}, () =>
      memberChangeView(change, `added as a ${change.role}`, `is a ${change.role} already`),
    )
  }
}
