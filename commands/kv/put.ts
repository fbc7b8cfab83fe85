import {Args, BaseCommand, Flags} from '../../src/cli/base-command.js'
import {putSummaryView} from '../../src/cli/views/kv-view.js'
import {putLines} from '../../src/operator/put-lines.js'
import {putPair, readAll, wantedPut} from '../../src/operator/put-pair.js'

export default class KvPut extends BaseCommand {
  static override summary = 'Write a key.'
  static override description =
    'With - as the VALUE it is read from standard input, to its end. With --stdin each line is a ' +
    'key, a blank and the value, or what "kv scan --json" prints; many are in flight at once, and ' +
    'of two lines with the same key either may win.'
  static override examples = [
    '<%= config.bin %> kv put hello world',
    'date | <%= config.bin %> kv put now -',
    'printf "a 1\\nb 2\\n" | <%= config.bin %> kv put --stdin',
  ]
  static override args = {
    key: Args.string({description: '1 to 1,024 bytes'}),
    value: Args.string({description: 'at most 1 MiB; - reads it from standard input'}),
  }
  static override flags = {
    stdin: Flags.boolean({summary: 'Read many keys and values, one pair a line.'}),
  }

  async run() {
    const {args, flags} = await this.parse(KvPut)
    const wanted = wantedPut(args.key, args.value, flags.stdin)
    const client = await this.connect()
    if (wanted.kind === 'pair') {
      this.changeSent('Read it back with "raftctl kv get".')
      const value = wanted.value ?? (await readAll(process.stdin))
      const put = await putPair(client, wanted.key, value)
      return this.print({kind: 'KeyPut', ...put}, {lines: [`version ${put.version}`]})
    }

    const progress = await this.progress('writing')
    this.changeSent('Some lines may be written; writing them again does no harm.')
    const summary = await putLines(client, process.stdin, done => {
      progress.update(`${done} acknowledged`)
    })
    progress.done()
    const {failure, ...figures} = summary
    const printed = await this.print({kind: 'PutSummary', ...figures}, () =>
      putSummaryView(summary),
    )
    if (failure !== null) throw failure
    return printed
  }
}
