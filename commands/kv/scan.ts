import {BaseCommand, Flags} from '../../src/cli/base-command.js'
import {parseWhole} from '../../src/cli/number-flag.js'
import {keyValueView} from '../../src/cli/views/kv-view.js'
import {scanValues} from '../../src/operator/key-values.js'

export default class KvScan extends BaseCommand {
  static override summary = 'List keys and values in the order of the keys.'
  static override examples = [
    '<%= config.bin %> kv scan --prefix user/',
    '<%= config.bin %> kv scan --from a --to b --limit 10 --json',
    '<%= config.bin %> kv scan -q',
  ]
  static override flags = {
    prefix: Flags.string({summary: 'Only keys that begin so.', helpValue: 'TEXT'}),
    from: Flags.string({summary: 'The first key, itself included.', helpValue: 'KEY'}),
    to: Flags.string({summary: 'Where to end, itself not included.', helpValue: 'KEY'}),
    limit: Flags.string({summary: 'How many at most.', helpValue: 'N'}),
  }

  async run() {
    const {flags} = await this.parse(KvScan)
    const {prefix, from, to} = flags
    const limit = parseWhole(flags.limit, {flag: '--limit', min: 1})
    const pairs = scanValues(await this.connect(), {prefix, from, to, limit})
    await this.records(pairs, keyValueView)
  }
}
