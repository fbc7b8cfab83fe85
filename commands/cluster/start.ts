import {Args, Flags} from '../../src/cli/base-command.js'
import {localContext, putContext} from '../../src/cli/contexts.js'
import {LocalCommand} from '../../src/cli/local-command.js'
import {clusterRecord, clusterStateView} from '../../src/cli/views/cluster-view.js'

export default class ClusterStart extends LocalCommand {
  static override summary = 'Start the nodes of a local cluster that do not run.'
  static override examples = ['<%= config.bin %> cluster start default']
  static override args = {name: Args.string({description: 'the local cluster'})}
  static override flags = {name: Flags.string({summary: 'The same as NAME.'})}
  static override timeoutMsDefault = 30_000

  async run() {
    const {args, flags} = await this.parse(ClusterStart)
    const {name} = await this.namedCluster(args.name, flags.name)
    const {startCluster} = await this.localClusters()
    const waiting = await this.progress(`starting ${name}`)
    const {state, changed} = await startCluster(this.env, name, {
      timeoutMs: this.timeoutMs ?? ClusterStart.timeoutMsDefault,
      signal: this.signal,
    })
    await putContext(this.env, localContext(state))
    waiting.done()
    return this.print({kind: 'LocalCluster', changed, ...clusterRecord(state)}, () =>
      clusterStateView(state),
    )
  }
}
