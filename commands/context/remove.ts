import {Args, BaseCommand} from '../../src/cli/base-command.js'
import {readContexts, removeContext} from '../../src/cli/contexts.js'

export default class ContextRemove extends BaseCommand {
  static override summary = 'Forget a context; its cluster is not touched.'
  static override examples = ['<%= config.bin %> context remove prod']
  static override args = {
    name: Args.string({required: true, description: 'name of the context'}),
  }

  async run() {
    const {args} = await this.parse(ContextRemove)
    const changed = await removeContext(this.env, args.name)
    const {current = null} = await readContexts(this.env)
    return this.print(
      {kind: 'ContextChange', changed, name: args.name, current},
      {
        lines: [`context ${args.name}  ${changed ? 'removed' : 'is not there'}`],
        ids: [args.name],
      },
    )
  }
}
