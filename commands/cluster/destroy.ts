import {Args, Flags} from '../../src/cli/base-command.js'
import {dropLocalContexts} from '../../src/cli/contexts.js'
import {LocalCommand} from '../../src/cli/local-command.js'
import {counted} from '../../src/cli/views/cluster-view.js'

export default class ClusterDestroy extends LocalCommand {
  static override summary = 'End a local cluster: no process and no file stays.'
  static override examples = ['<%= config.bin %> cluster destroy default --yes']
  static override args = {name: Args.string({description: 'the local cluster'})}
  static override flags = {name: Flags.string({summary: 'The same as NAME.'})}

  async run() {
    const {args, flags} = await this.parse(ClusterDestroy)
    const name = this.oneName(args.name, flags.name)
    const {clusterDirectory, destroyCluster} = await this.localClusters()
    const directory = await clusterDirectory(name, this.env)
    await this.confirm(`Kill the nodes of "${name}" and delete ${directory}?`)
    const waiting = await this.progress(`destroying ${name}`)
    const destroyed = await destroyCluster(this.env, name)
    const contexts = await dropLocalContexts(this.env, destroyed.directory)
    waiting.done()
    const {left, processesEnded} = destroyed
    return this.print(
      {
        kind: 'LocalClusterDestroyed',
        changed: true,
        name,
        directory: destroyed.directory,
        processesEnded,
        contexts,
        warnings: left.map(file => `${file} is not raftctl's and was left in ${directory}`),
      },
      {
        lines: [
          `cluster ${name}  destroyed  ${counted(processesEnded, 'process', 'processes')} ended`,
        ],
        ids: [name],
      },
    )
  }
}
