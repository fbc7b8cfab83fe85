import {BaseCommand} from '../src/cli/base-command.js'
import {statusView} from '../src/cli/views/status-view.js'
import {ERRORS} from '../src/errors.js'

export default class Status extends BaseCommand {
  static override summary = 'Show the cluster on one screen: health, leader, members.'
  static override examples = ['<%= config.bin %> status', '<%= config.bin %> status --json']

  async run() {
    await this.parse(Status)
    const target = await this.target()
    const client = await this.connect()
    const status = await client.clusterStatus()
    const printed = await this.print(
      {kind: 'ClusterStatus', context: target.context, ...status},
      () => statusView(status, target.context),
    )
    if (status.leaderId === null) process.exitCode = ERRORS.RAFTCTL_NO_LEADER.exit
    return printed
  }
}
