import {BaseCommand} from '../../src/cli/base-command.js'
import {readContexts} from '../../src/cli/contexts.js'
import {contextRecord, contextsView} from '../../src/cli/views/context-view.js'

export default class ContextList extends BaseCommand {
  static override summary = 'List the clusters that have a name here.'
  static override examples = ['<%= config.bin %> context list']

  async run() {
    await this.parse(ContextList)
    const all = await readContexts(this.env)
    const items = all.contexts.map(context => contextRecord(context, all.current))
    return this.print({kind: 'ContextList', current: all.current ?? null, items}, () =>
      contextsView(all),
    )
  }
}
