import {Args, Flags} from '../../src/cli/base-command.js'
import {LocalCommand} from '../../src/cli/local-command.js'
import {nodeRecord, nodeStateView} from '../../src/cli/views/cluster-view.js'

export default class NodeStart extends LocalCommand {
  static override summary = 'Start a node of a local cluster again, on its port and data.'
  static override examples = ['<%= config.bin %> node start 2']
  static override args = {
    member: Args.string({required: true, description: 'id, name or address of the node'}),
  }
  static override flags = {
    cluster: Flags.string({summary: 'The local cluster, if not that of the context.'}),
  }

  async run() {
    const {args, flags} = await this.parse(NodeStart)
    const {directory} = await this.meantCluster(flags.cluster)
    const {startNode} = await this.localClusters()
    const {node, changed} = await startNode(directory, args.member, {signal: this.signal})
    return this.print({kind: 'LocalNode', changed, ...nodeRecord(node)}, () =>
      nodeStateView(node, changed ? 'started' : 'was running already'),
    )
  }
}
