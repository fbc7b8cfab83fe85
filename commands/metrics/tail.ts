import {BaseCommand, Flags} from '../../src/cli/base-command.js'
import {parseDuration} from '../../src/cli/duration.js'
import {parseWhole} from '../../src/cli/number-flag.js'
import {sampleView} from '../../src/cli/views/metrics-view.js'
import {watchMetrics} from '../../src/operator/watch-metrics.js'

export default class MetricsTail extends BaseCommand {
  static override summary = "Print a member's figures, again at each interval."
  static override examples = [
    '<%= config.bin %> metrics tail --count 3',
    '<%= config.bin %> metrics tail --member 2 --interval 500ms --count 10 --json',
  ]
  static override flags = {
    count: Flags.string({summary: 'How many samples; without it, no end.', helpValue: 'N'}),
    interval: Flags.string({
      summary: 'Time between samples, 10ms to 1h.',
      default: '1s',
      helpValue: 'DURATION',
    }),
    member: Flags.string({
      summary: 'Whose: id, name or address; without it, those of the leader.',
      helpValue: 'MEMBER',
    }),
  }
  static override timeoutMsDefault = undefined

  async run() {
    const {flags} = await this.parse(MetricsTail)
    const count = parseWhole(flags.count, {flag: '--count', min: 1})
    const intervalMs = parseDuration(flags.interval, '--interval')
    const samples = watchMetrics(await this.connect(), {member: flags.member, intervalMs, count})
    await this.records(samples, sampleView)
  }
}
