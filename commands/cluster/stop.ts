import {Args, Flags} from '../../src/cli/base-command.js'
import {LocalCommand} from '../../src/cli/local-command.js'
import {clusterRecord, clusterStateView} from '../../src/cli/views/cluster-view.js'

export default class ClusterStop extends LocalCommand {
  static override summary = 'Stop the nodes of a local cluster; its data and ports stay.'
  static override examples = ['<%= config.bin %> cluster stop default']
  static override args = {name: Args.string({description: 'the local cluster'})}
  static override flags = {name: Flags.string({summary: 'The same as NAME.'})}

  async run() {
    const {args, flags} = await this.parse(ClusterStop)
    const {name} = await this.namedCluster(args.name, flags.name)
    const {stopCluster} = await this.localClusters()
    const waiting = await this.progress(`stopping ${name}`)
    const {state, changed, killed} = await stopCluster(this.env, name)
    waiting.done()
    const warnings = killed.map(node => `${node} did not stop in time and was killed`)
    return this.print({kind: 'LocalCluster', changed, ...clusterRecord(state), warnings}, () =>
      clusterStateView(state),
    )
  }
}
