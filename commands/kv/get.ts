import {Args, BaseCommand} from '../../src/cli/base-command.js'
import {getValue} from '../../src/operator/key-values.js'

export default class KvGet extends BaseCommand {
  static override summary = 'Print the value of a key, and nothing else.'
  static override examples = [
    '<%= config.bin %> kv get hello',
    '<%= config.bin %> kv get hello --json',
  ]
  static override args = {key: Args.string({required: true, description: 'the key'})}

  async run() {
    const {args} = await this.parse(KvGet)
    const {record, value} = await getValue(await this.connect(), args.key)
    if (this.format === 'json' || this.format === 'yaml') {
      return this.print({kind: 'KeyValue', ...record})
    }
    await this.write(value)
    // A value is stored without a line end, and piped without one; a terminal wants it.
    if (this.terminal.drawsTables) await this.write('\n')
    return record
  }
}
