import {BaseCommand, Flags} from '../../src/cli/base-command.js'
import {statusView} from '../../src/cli/views/status-view.js'
import {memberViewsView} from '../../src/cli/views/views-view.js'
import {memberViews} from '../../src/operator/member-views.js'

export default class MemberList extends BaseCommand {
  static override summary = 'List the members with their roles and how far they are.'
  static override description =
    'As the leader sees them. With --member all: how each of them sees the cluster, side by side.'
  static override examples = [
    '<%= config.bin %> member list',
    '<%= config.bin %> member list --json',
    '<%= config.bin %> member list --member all',
    '<%= config.bin %> member list -q --leader-last',
  ]
  static override flags = {
    'leader-last': Flags.boolean({summary: 'The leader last, for scripts that restart them all.'}),
    member: Flags.option({
      summary: "Each node's own view.",
      options: ['all'] as const,
    })(),
  }

  async run() {
    const {flags} = await this.parse(MemberList)
    const {context} = await this.target()
    const client = await this.connect()
    if (flags.member === 'all') {
      const views = await memberViews(client)
      return this.print({kind: 'MemberViewList', context, ...views}, () => memberViewsView(views))
    }
    const found = await client.clusterStatus()
    const members = flags['leader-last']
      ? [...found.members].sort((a, b) => Number(a.leader) - Number(b.leader))
      : found.members
    const status = {...found, members}
    const {clusterId, leaderId, term, membershipIndex, stage, problems} = status
    const result = {clusterId, leaderId, term, membershipIndex, stage, items: members}
    return this.print({kind: 'MemberList', ...result, warnings: problems}, () => {
      const {table, ids} = statusView(status, context)
      return {table, ids}
    })
  }
}
