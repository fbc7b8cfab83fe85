import {Args, BaseCommand, Flags} from '../../src/cli/base-command.js'
import {parseWhole} from '../../src/cli/number-flag.js'
import {putPair, readAll, wantedPut} from '../../src/operator/put-pair.js'

export default class KvCas extends BaseCommand {
  static override summary = 'Write a key only if it has the version that you expect.'
  static override description =
    'Another version ends with status 20, and nothing is changed; 0 expects that there is no such key.'
  static override examples = [
    '<%= config.bin %> kv cas lock mine --expect 0',
    '<%= config.bin %> kv cas counter 8 --expect 2041',
  ]
  static override args = {
    key: Args.string({required: true, description: '1 to 1,024 bytes'}),
    value: Args.string({required: true, description: 'at most 1 MiB; - reads standard input'}),
  }
  static override flags = {
    expect: Flags.string({
      summary: 'The version, as "kv get --json" shows it; 0: no such key.',
      helpValue: 'VERSION',
      required: true,
    }),
  }

  async run() {
    const {args, flags} = await this.parse(KvCas)
    const expectedVersion = parseWhole(flags.expect, {flag: '--expect', min: 0})
    const wanted = wantedPut(args.key, args.value, false)
    const given = wanted.kind === 'pair' ? wanted.value : undefined
    const value = given ?? (await readAll(process.stdin))
    const client = await this.connect()
    this.changeSent('Read it back with "raftctl kv get".')
    const put = await putPair(client, args.key, value, {expectedVersion})
    return this.print({kind: 'KeyPut', ...put}, {lines: [`version ${put.version}`]})
  }
}
