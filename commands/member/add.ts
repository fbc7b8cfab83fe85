import {Args, Flags} from '../../src/cli/base-command.js'
import {ChangeCommand, changeFlags} from '../../src/cli/change-command.js'
import {checkEndpoint} from '../../src/cli/endpoint.js'
import {type Addition, addIntroduction, askAddition} from '../../src/cli/member-questions.js'
import {newLocalNode} from '../../src/cli/new-local-node.js'
import {memberChangeView} from '../../src/cli/views/member-view.js'
import {prepareAddition} from '../../src/operator/add-plan.js'

export default class MemberAdd extends ChangeCommand {
  static override summary = 'Add a member the safe way: learner first, voter once caught up.'
  static override description =
    'Checks that the node answers and is free, writes it into the membership as a learner, joins ' +
    'it, waits until it has caught up, and promotes it. Run again after an interruption, it goes ' +
    'on where it stopped. In a local cluster, without an ADDRESS, it starts the new node itself. ' +
    'With --no-wait the leader promotes it by itself later; "member promote --cancel" withdraws ' +
    'that. At a terminal, without anything given, it explains and asks; Ctrl-C asks whether the ' +
    'learner is to be removed again.'
  static override examples = [
    '<%= config.bin %> member add 10.0.0.14:7400',
    '<%= config.bin %> member add --learner',
    '<%= config.bin %> member add 10.0.0.14:7400 --no-wait',
    '<%= config.bin %> member add 10.0.0.14:7400 --name d --reason "a fourth site"',
  ]
  static override args = {
    address: Args.string({description: 'HOST:PORT of a node that belongs to no cluster yet'}),
  }
  static override flags = {
    ...changeFlags,
    learner: Flags.boolean({
      summary: 'Leave it a learner: it copies, and does not vote.',
      exclusive: ['observer', 'no-wait'],
    }),
    observer: Flags.boolean({
      summary: 'Make it an observer: it copies what is committed, and never votes.',
      exclusive: ['no-wait'],
    }),
    'no-wait': Flags.boolean({summary: 'Let the leader promote it once it has caught up.'}),
    name: Flags.string({summary: 'What to call it; never all digits.', helpValue: 'NAME'}),
  }
  static override timeoutMsDefault = undefined

  async run() {
    const {args, flags} = await this.parse(MemberAdd)
    const client = await this.connect()
    const {address: given, role, asked} = await this.wished(args.address, flags)
    const noWait = flags['no-wait']
    const prepared = await prepareAddition(client, {
      given,
      address: async () => newLocalNode(await this.meantCluster(undefined), client),
      role,
      name: flags.name,
      noWait,
    })
    return this.carryOut(prepared, {
      flags,
      question: asked ? 'Go ahead?' : undefined,
      initial: true,
      waiting: 'adding a member',
      kind: 'MemberChange',
      goOn: id =>
        role === 'voter'
          ? `Run "raftctl member promote ${id} --wait"`
          : 'Run the same command again',
      view: change =>
        memberChangeView(
          change,
          `is a ${change.role} now${noWait && change.role === 'learner' ? ', to be promoted by the leader' : ''}`,
          `is a ${change.role} already`,
        ),
    })
  }

  /** At a terminal, a person who gave nothing is asked. */
  private async wished(
    address: string | undefined,
    flags: {learner: boolean; observer: boolean; 'no-wait': boolean; name?: string | undefined},
  ): Promise<Addition & {readonly asked: boolean}> {
    const role = flags.observer ? 'observer' : flags.learner ? 'learner' : 'voter'
    const own = address ?? flags.name
    const told = own !== undefined || role !== 'voter' || flags['no-wait'] || this.agreed
    if (told || !this.terminal.asks || !this.forPeople) {
      return {
        address: address === undefined ? undefined : checkEndpoint(address),
        role,
        asked: false,
      }
    }
    const {localCluster} = await this.target()
    const status = await (await this.connect()).clusterStatus()
    this.note(addIntroduction(status, localCluster !== undefined).join('\n'))
    const asker = await this.asker('Which node?')
    return {...(await askAddition(asker, localCluster !== undefined)), asked: true}
  }
}
