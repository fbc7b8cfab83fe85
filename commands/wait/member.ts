import {Args} from '../../src/cli/base-command.js'
import {WaitCommand} from '../../src/cli/wait-command.js'
import {RaftctlError} from '../../src/errors.js'
import {WANTED_ROLES} from '../../src/operator/wait-until.js'

export default class WaitMember extends WaitCommand {
  static override summary = 'Wait until a member has a role.'
  static override description = `Roles: ${WANTED_ROLES.join(', ')}.`
  static override examples = [
    '<%= config.bin %> wait member 4=voter --timeout 5m',
    '<%= config.bin %> wait member node-3=removed',
  ]
  static override args = {
    wish: Args.string({required: true, description: 'MEMBER=ROLE'}),
  }

  async run() {
    const {args} = await this.parse(WaitMember)
    const at = args.wish.lastIndexOf('=')
    const member = args.wish.slice(0, Math.max(0, at))
    const role = WANTED_ROLES.find(name => name === args.wish.slice(at + 1))
    if (member === '' || role === undefined) {
      throw new RaftctlError('RAFTCTL_USAGE', `"${args.wish}" is not MEMBER=ROLE`, {
        hint: `Roles are ${WANTED_ROLES.join(', ')}: raftctl wait member 4=voter.`,
      })
    }
    return this.waitFor({kind: 'member', member, role})
  }
}
