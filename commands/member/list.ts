import {BaseCommand} from '../../src/cli/base-command.js'
import {statusView} from '../../src/cli/views/status-view.js'

export default class MemberList extends BaseCommand {
  static override summary = 'List the members with their roles and how far they are.'
  static override examples = [
    '<%= config.bin %> member list',
    '<%= config.bin %> member list --json',
    '<%= config.bin %> member list -q',
  ]

  async run() {
    await this.parse(MemberList)
    const {context} = await this.target()
    const status = await (await this.connect()).clusterStatus()
    const {clusterId, leaderId, term, membershipIndex, stage, members, problems} = status
    const result = {clusterId, leaderId, term, membershipIndex, stage, items: members}
    return this.print({kind: 'MemberList', ...result, warnings: problems}, () => {
      const {table, ids} = statusView(status, context)
      return {table, ids}
    })
  }
}
