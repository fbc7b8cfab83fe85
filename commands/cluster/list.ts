import {BaseCommand} from '../../src/cli/base-command.js'
import {readContexts} from '../../src/cli/contexts.js'
import {clusterListView, clusterRecord} from '../../src/cli/views/cluster-view.js'

export default class ClusterList extends BaseCommand {
  static override summary = 'List the local clusters of this machine.'
  static override examples = ['<%= config.bin %> cluster list']

  async run() {
    await this.parse(ClusterList)
    const {listClusters} = await this.localClusters()
    const {clusters, problems} = await listClusters(this.env)
    const {current} = await readContexts(this.env)
    const items = clusters.map(clusterRecord)
    return this.print({kind: 'LocalClusterList', items, warnings: problems}, () =>
      clusterListView(clusters, current, this.env),
    )
  }
}
