import {Args, Flags} from '../../src/cli/base-command.js'
import {LocalCommand} from '../../src/cli/local-command.js'
import {parsedLines} from '../../src/cli/log-lines.js'

export default class NodeLogs extends LocalCommand {
  static override summary = 'Print what a node of a local cluster wrote.'
  static override examples = [
    '<%= config.bin %> node logs 2',
    '<%= config.bin %> node logs node-2 --lines 200',
    '<%= config.bin %> node logs 2 --follow --json',
  ]
  static override args = {
    member: Args.string({required: true, description: 'id, name or address of the node'}),
  }
  static override flags = {
    cluster: Flags.string({summary: 'The local cluster, if not that of the context.'}),
    follow: Flags.boolean({char: 'f', summary: 'Go on with what it writes, until Ctrl-C.'}),
    lines: Flags.integer({summary: 'How many, from the end.', default: 50, min: 1, max: 100_000}),
  }

  static override timeoutMsDefault = undefined

  async run() {
    const {args, flags} = await this.parse(NodeLogs)
    const cluster = await this.meantCluster(flags.cluster)
    const {findNode, logLines, nodeLogPath} = await this.localClusters()
    const node = await findNode(cluster, args.member)
    const {lines, follow} = flags
    const path = nodeLogPath(cluster.directory, node.name)
    const written = logLines(path, {lines, follow, signal: this.signal})
    return this.records(parsedLines(written), {
      kind: 'NodeLogLine',
      columns: [
        {title: 'time', width: 24},
        {title: 'level', width: 5},
        {title: 'event', cut: true},
      ],
      row: line => [line.time, line.level, line.text],
      json: line => line.fields,
    })
  }
}
