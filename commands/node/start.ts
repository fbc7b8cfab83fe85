import {Args, Flags} from '../../src/cli/base-command.js'
import {LocalCommand} from '../../src/cli/local-command.js'
import {nodeRecord, nodeStateView} from '../../src/cli/views/cluster-view.js'

export default class NodeStart extends LocalCommand {
  static override summary = 'Start a node of a local cluster again, on its port and data.'
  static override examples = [
    '<%= config.bin %> node start 2',
    '<%= config.bin %> node start 2 --log-level trace',
  ]
  static override args = {
    member: Args.string({required: true, description: 'id, name or address of the node'}),
  }
  static override flags = {
    cluster: Flags.string({summary: 'The local cluster, if not that of the context.'}),
    'log-level': Flags.option({
      summary: 'The least that it logs, until it is started again; info by default.',
      options: ['error', 'warn', 'info', 'debug', 'trace'] as const,
    })(),
  }

  async run() {
    const {args, flags} = await this.parse(NodeStart)
    const {directory} = await this.meantCluster(flags.cluster)
    const {startNode} = await this.localClusters()
    const options = {signal: this.signal, logLevel: flags['log-level']}
    const {node, changed} = await startNode(directory, args.member, options)
    return this.print({kind: 'LocalNode', changed, ...nodeRecord(node)}, () =>
      nodeStateView(node, changed ? 'started' : 'was running already'),
    )
  }
}
