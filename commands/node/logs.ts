import {Args, Flags} from '../../src/cli/base-command.js'
import {LocalCommand} from '../../src/cli/local-command.js'
import {logLines} from '../../src/cli/log-lines.js'

export default class NodeLogs extends LocalCommand {
  static override summary = 'Print what a node of a local cluster wrote.'
  static override examples = [
    '<%= config.bin %> node logs 2',
    '<%= config.bin %> node logs node-2 --lines 200',
  ]
  static override args = {
    member: Args.string({required: true, description: 'id, name or address of the node'}),
  }
  static override flags = {
    cluster: Flags.string({summary: 'The local cluster, if not that of the context.'}),
    lines: Flags.integer({summary: 'How many, from the end.', default: 50, min: 1, max: 100_000}),
  }

  async run() {
    const {args, flags} = await this.parse(NodeLogs)
    const cluster = await this.meantCluster(flags.cluster)
    const {findNode, logTail} = await this.localClusters()
    const node = await findNode(cluster, args.member)
    const lines = await logTail(cluster, node.name, flags.lines)
    return this.records(logLines(lines), {
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
