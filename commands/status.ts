import {BaseCommand, Flags} from '../src/cli/base-command.js'
import {statusView} from '../src/cli/views/status-view.js'
import {ERRORS} from '../src/errors.js'

const CHECK_FAILED = 10

export default class Status extends BaseCommand {
  static override summary = 'Show the cluster on one screen: health, leader, members.'
  static override examples = [
    '<%= config.bin %> status',
    '<%= config.bin %> status --json',
    '<%= config.bin %> status --check',
  ]
  static override flags = {
    check: Flags.boolean({summary: 'End with status 10 when something is wrong.'}),
  }

  async run() {
    const {flags} = await this.parse(Status)
    const target = await this.target()
    const client = await this.connect()
    const status = await client.clusterStatus()
    const printed = await this.print(
      {kind: 'ClusterStatus', context: target.context, ...status},
      () => statusView(status, target.context),
    )
    if (flags.check && !status.healthy) process.exitCode = CHECK_FAILED
    if (status.leaderId === null) process.exitCode = ERRORS.RAFTCTL_NO_LEADER.exit
    return printed
  }
}
