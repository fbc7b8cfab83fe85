import {Args, Flags} from '../../src/cli/base-command.js'
import {LocalCommand} from '../../src/cli/local-command.js'
import {nodeRecord, nodeStateView} from '../../src/cli/views/cluster-view.js'

export default class NodeStop extends LocalCommand {
  static override summary = 'Stop a node of a local cluster cleanly.'
  static override examples = ['<%= config.bin %> node stop 2']
  static override args = {
    member: Args.string({required: true, description: 'id, name or address of the node'}),
  }
  static override flags = {
    cluster: Flags.string({summary: 'The local cluster, if not that of the context.'}),
  }

  async run() {
    const {args, flags} = await this.parse(NodeStop)
    const {directory} = await this.meantCluster(flags.cluster)
    const {stopNode} = await this.localClusters()
    const {node, changed} = await stopNode(directory, args.member)
    return this.print({kind: 'LocalNode', changed, ...nodeRecord(node)}, () =>
      nodeStateView(node, changed ? 'stopped' : 'was not running'),
    )
  }
}
