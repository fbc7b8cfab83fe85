import {Flags} from '../../src/cli/base-command.js'
import {ChangeCommand, changeFlags} from '../../src/cli/change-command.js'
import {checkEndpoint} from '../../src/cli/endpoint.js'
import {RaftctlError} from '../../src/errors.js'
import {prepareMoves} from '../../src/operator/change-membership.js'

export default class MemberChange extends ChangeCommand {
  static override summary = 'Change several members at once, as one joint membership.'
  static override description =
    'Nodes to add and learners to promote catch up first. Each flag may be repeated.'
  static override examples = [
    '<%= config.bin %> member change --add 10.0.0.14:7400 --remove 3',
    '<%= config.bin %> member change --promote 4 --promote 5 --demote 1 --demote 2',
  ]
  static override flags = {
    ...changeFlags,
    add: Flags.string({
      summary: 'A node that is to become a voter.',
      helpValue: 'HOST:PORT',
      multiple: true,
      multipleNonGreedy: true,
    }),
    remove: Flags.string({
      summary: 'A member that is to go.',
      helpValue: 'MEMBER',
      multiple: true,
      multipleNonGreedy: true,
    }),
    promote: Flags.string({
      summary: 'A learner that is to vote.',
      helpValue: 'MEMBER',
      multiple: true,
      multipleNonGreedy: true,
    }),
    demote: Flags.string({
      summary: 'A voter that is to vote no more.',
      helpValue: 'MEMBER',
      multiple: true,
      multipleNonGreedy: true,
    }),
  }
  static override timeoutMsDefault = undefined

  async run() {
    const {flags} = await this.parse(MemberChange)
    const {remove, promote, demote} = flags
    const add = flags.add?.map(address => checkEndpoint(address))
    if ([add, remove, promote, demote].every(list => list === undefined)) {
      throw new RaftctlError('RAFTCTL_USAGE', 'what is to change?', {
        hint: 'Give --add, --remove, --promote or --demote.',
      })
    }
    const moves = {add, remove, promote, demote}
    const prepared = await prepareMoves(await this.connect(), moves)
    return this.carryOutJoint(prepared, {flags, waiting: 'changing the membership'})
  }
}
