import {Args, BaseCommand} from '../../src/cli/base-command.js'
import {useContext} from '../../src/cli/contexts.js'

export default class ContextUse extends BaseCommand {
  static override summary = 'Make a context the current one.'
  static override examples = ['<%= config.bin %> context use prod']
  static override args = {
    name: Args.string({required: true, description: 'name of the context'}),
  }

  async run() {
    const {args} = await this.parse(ContextUse)
    const changed = await useContext(this.env, args.name)
    return this.print(
      {kind: 'ContextChange', changed, name: args.name, current: args.name},
      {
        lines: [`context ${args.name}  ${changed ? 'is current now' : 'is current already'}`],
        ids: [args.name],
      },
    )
  }
}
