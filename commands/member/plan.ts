import {Flags} from '../../src/cli/base-command.js'
import {ChangeCommand, changeFlags} from '../../src/cli/change-command.js'
import {checkEndpoint} from '../../src/cli/endpoint.js'
import {RaftctlError} from '../../src/errors.js'
import {planOf} from '../../src/operator/change-membership.js'

const many = {multiple: true, multipleNonGreedy: true} as const

export default class MemberPlan extends ChangeCommand {
  static override summary = 'Show what a change of the membership would do, without doing it.'
  static override description =
    'Voters, quorum and failure tolerance before and after, and which rule would refuse it: ' +
    'exits 0 or 12.'
  static override examples = [
    '<%= config.bin %> member plan --remove 3',
    '<%= config.bin %> member plan --replace 3',
    '<%= config.bin %> member plan --add 10.0.0.14:7400 --add 10.0.0.15:7400 --json',
    '<%= config.bin %> member plan --set 1,2,4',
  ]
  static override flags = {
    force: changeFlags.force,
    add: Flags.string({summary: 'A node to become a voter.', helpValue: 'HOST:PORT', ...many}),
    remove: Flags.string({summary: 'A member to go.', helpValue: 'MEMBER', ...many}),
    promote: Flags.string({summary: 'A learner to vote.', helpValue: 'MEMBER', ...many}),
    demote: Flags.string({summary: 'A voter to vote no more.', helpValue: 'MEMBER', ...many}),
    replace: Flags.string({
      summary: 'A member to be replaced by a new node.',
      helpValue: 'MEMBER',
      ...many,
    }),
    set: Flags.string({
      summary: 'The voters, separated by commas, and no others.',
      helpValue: 'ID,ID',
      exclusive: ['add', 'remove', 'promote', 'demote', 'replace'],
    }),
  }

  async run() {
    const {flags} = await this.parse(MemberPlan)
    const {force, set, remove, promote, demote, replace} = flags
    const add = flags.add?.map(address => checkEndpoint(address))
    if ([add, remove, promote, demote, replace, set].every(wish => wish === undefined)) {
      throw new RaftctlError('RAFTCTL_USAGE', 'what is to be planned?', {
        hint: 'Give --add, --remove, --promote, --demote, --replace or --set.',
      })
    }
    const plan = await planOf(await this.connect(), {
      moves: {add, remove, promote, demote, replace},
      voters: set?.split(',').filter(text => text !== ''),
    })
    return this.printPlan(plan, force)
  }
}
