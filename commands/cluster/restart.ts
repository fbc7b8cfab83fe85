import {Args, Flags} from '../../src/cli/base-command.js'
import {LocalCommand} from '../../src/cli/local-command.js'
import {clusterRecord, clusterStateView} from '../../src/cli/views/cluster-view.js'

export default class ClusterRestart extends LocalCommand {
  static override summary = 'Stop and start the nodes of a local cluster.'
  static override examples = ['<%= config.bin %> cluster restart default']
  static override args = {name: Args.string({description: 'the local cluster'})}
  static override flags = {name: Flags.string({summary: 'The same as NAME.'})}
  static override timeoutMsDefault = 30_000

  async run() {
    const {args, flags} = await this.parse(ClusterRestart)
    const {name} = await this.namedCluster(args.name, flags.name)
    const {startCluster, stopCluster} = await this.localClusters()
    const waiting = await this.progress(`restarting ${name}`)
    const {killed} = await stopCluster(this.env, name)
    const {state} = await startCluster(this.env, name, {
      timeoutMs: this.timeoutMs ?? ClusterRestart.timeoutMsDefault,
      signal: this.signal,
    })
    waiting.done()
    const warnings = killed.map(node => `${node} did not stop in time and was killed`)
    return this.print(
      {kind: 'LocalCluster', changed: true, ...clusterRecord(state), warnings},
      () => clusterStateView(state),
    )
  }
}
