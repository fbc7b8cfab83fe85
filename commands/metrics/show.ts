import {BaseCommand, Flags} from '../../src/cli/base-command.js'
import {
  figuresRecord,
  figuresView,
  latencyRecord,
  latencyView,
} from '../../src/cli/views/metrics-view.js'
import {RaftctlError} from '../../src/errors.js'
import {latencyVerdict} from '../../src/operator/latency-verdict.js'
import {readMetrics} from '../../src/operator/read-metrics.js'

export default class MetricsShow extends BaseCommand {
  static override summary = 'Print the figures of a member, or of all, once.'
  static override description =
    'With --latency: how long waiting, syncing, round trips, applying and the event loop took during ' +
    'the last minute, of all members, and what limits: disk sync, network, CPU, or nothing.'
  static override examples = [
    '<%= config.bin %> metrics show',
    '<%= config.bin %> metrics show --member all',
    '<%= config.bin %> metrics show --latency',
    '<%= config.bin %> metrics show --member 2 --prometheus',
  ]
  static override flags = {
    latency: Flags.boolean({summary: 'What took how long in the last minute, and what limits.'}),
    member: Flags.string({
      summary: 'Whose: id, name or address, or "all"; by default the leader, with --latency all.',
      helpValue: 'MEMBER',
    }),
    prometheus: Flags.boolean({
      summary: 'As the text that Prometheus reads.',
      exclusive: ['latency', 'json', 'output', 'quiet'],
    }),
  }

  async run() {
    const {flags} = await this.parse(MetricsShow)
    const {context} = await this.target()
    const {latency, prometheus} = flags
    if (prometheus && flags.member === 'all') throw oneText()
    const member = flags.member ?? (latency ? 'all' : undefined)
    const read = await readMetrics(await this.connect(), {member, prometheus})
    if (prometheus) {
      await this.write(read.items[0]?.figures?.prometheus ?? '')
      return
    }
    if (!latency) return this.print({...figuresRecord(read), context}, () => figuresView(read))
    const verdict = latencyVerdict(read)
    return this.print({...latencyRecord(read, verdict), context}, () => latencyView(read, verdict))
  }
}

function oneText(): RaftctlError {
  return new RaftctlError('RAFTCTL_USAGE', 'the text for Prometheus is of one member each', {
    hint: 'Name one with --member, once for each.',
  })
}
