import {Args, BaseCommand} from '../../src/cli/base-command.js'
import {deleteKey} from '../../src/operator/key-values.js'

export default class KvDelete extends BaseCommand {
  static override summary = 'Delete a key.'
  static override description = 'A key that does not exist is deleted already: status 0.'
  static override examples = ['<%= config.bin %> kv delete hello']
  static override args = {key: Args.string({required: true, description: 'the key'})}

  async run() {
    const {args} = await this.parse(KvDelete)
    const client = await this.connect()
    this.changeSent('Look with "raftctl kv get".')
    const result = await deleteKey(client, args.key)
    return this.print(
      {kind: 'KeyDeleted', ...result},
      {
        lines: [result.changed ? 'deleted' : 'there was no such key'],
      },
    )
  }
}
