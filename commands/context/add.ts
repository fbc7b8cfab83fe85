import {Args, BaseCommand} from '../../src/cli/base-command.js'
import {addContext} from '../../src/cli/contexts.js'
import {contextRecord} from '../../src/cli/views/context-view.js'
import {statusView} from '../../src/cli/views/status-view.js'
import {RaftctlError} from '../../src/errors.js'

export default class ContextAdd extends BaseCommand {
  static override summary = 'Give a cluster a name: connects, shows its members, pins its id.'
  static override description =
    'The files for TLS and the token that are given are named in the context, not copied. From ' +
    'then on another cluster behind these endpoints is refused.'
  static override examples = [
    '<%= config.bin %> context add prod --endpoint 10.0.0.11:7400 --tls-ca ca.pem',
  ]
  static override args = {
    name: Args.string({required: true, description: 'letters, digits, - and _; not all digits'}),
  }

  async run() {
    const {args, flags} = await this.parse(ContextAdd)
    const {name} = args
    if (flags.endpoint === undefined) {
      throw new RaftctlError('RAFTCTL_USAGE', 'where is the cluster?', {
        hint: 'Give --endpoint HOST:PORT, of one node or of several.',
      })
    }
    const {checkName} = await this.localClusters()
    checkName(name)
    const {security} = await this.target()
    const status = await (await this.connect()).clusterStatus()
    const endpoints = [...new Set([...flags.endpoint, ...status.members.map(m => m.address)])]
    const context = {
      kind: 'remote',
      name,
      endpoints,
      clusterId: status.clusterId,
      security,
    } as const
    const isCurrent = await addContext(this.env, context)
    const record = contextRecord(context, isCurrent ? name : undefined)
    return this.print({kind: 'ContextAdded', changed: true, ...record}, () => ({
      ...statusView(status, name),
      after: [
        isCurrent
          ? `context  ${name} (current)`
          : `context  ${name} (not current: "raftctl context use ${name}" switches)`,
      ],
      ids: [name],
    }))
  }
}
