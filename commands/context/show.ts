import {Args, BaseCommand} from '../../src/cli/base-command.js'
import {contextNamed, readContexts} from '../../src/cli/contexts.js'
import {contextRecord, contextsView} from '../../src/cli/views/context-view.js'
import {RaftctlError} from '../../src/errors.js'

export default class ContextShow extends BaseCommand {
  static override summary = 'Show one context; without a NAME the current one.'
  static override examples = [
    '<%= config.bin %> context show',
    '<%= config.bin %> context show prod --json',
  ]
  static override args = {name: Args.string({description: 'name of the context'})}

  async run() {
    const {args} = await this.parse(ContextShow)
    const all = await readContexts(this.env)
    const name = args.name ?? all.current
    if (name === undefined) {
      throw new RaftctlError('RAFTCTL_CONTEXT_NOT_FOUND', 'there is no current context', {
        hint: 'Make one with "raftctl context use NAME"; "raftctl context list" shows them.',
      })
    }
    const context = contextNamed(all, name)
    return this.print({kind: 'Context', ...contextRecord(context, all.current)}, () =>
      contextsView({current: all.current, contexts: [context]}),
    )
  }
}
