import {Args, BaseCommand, Flags} from '../../src/cli/base-command.js'
import {parseWhole} from '../../src/cli/number-flag.js'
import {keyChangeView} from '../../src/cli/views/kv-view.js'
import {watchKeys} from '../../src/operator/key-values.js'

export default class KvWatch extends BaseCommand {
  static override summary = 'Print changes of keys as they happen, in the order of the log.'
  static override description =
    'Goes on over changes of the leader, with whichever member still holds what follows, and leaves ' +
    'nothing out: when none does it ends with status 17. Runs until Ctrl-C, or for --count changes.'
  static override examples = [
    '<%= config.bin %> kv watch --prefix user/',
    '<%= config.bin %> kv watch counter --after 2041 --json',
  ]
  static override args = {key: Args.string({description: 'this key alone; without it, all'})}
  static override flags = {
    prefix: Flags.string({summary: 'Only keys that begin so.', helpValue: 'TEXT'}),
    after: Flags.string({
      summary: 'Begin with the first change after this version; without it, with the next.',
      helpValue: 'VERSION',
    }),
    count: Flags.string({summary: 'How many changes to print.', helpValue: 'N'}),
  }
  static override timeoutMsDefault = undefined

  async run() {
    const {args, flags} = await this.parse(KvWatch)
    const after = parseWhole(flags.after, {flag: '--after', min: 0})
    const count = parseWhole(flags.count, {flag: '--count', min: 1})
    const wish = {key: args.key, prefix: flags.prefix, after, count}
    await this.records(watchKeys(await this.connect(), wish), keyChangeView)
  }
}
