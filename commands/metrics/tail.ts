import {BaseCommand, Flags} from '../../src/cli/base-command.js'
import {parseDuration} from '../../src/cli/duration.js'
import {parseWhole} from '../../src/cli/number-flag.js'
import {prometheusTexts, sampleView} from '../../src/cli/views/metrics-view.js'
import {watchMetrics} from '../../src/operator/watch-metrics.js'

export default class MetricsTail extends BaseCommand {
  static override summary = "Print a member's figures, again at each interval or change."
  static override examples = [
    '<%= config.bin %> metrics tail --count 3',
    '<%= config.bin %> metrics tail --member 2 --interval 500ms --count 10 --json',
    '<%= config.bin %> metrics tail --on-change',
  ]
  static override flags = {
    count: Flags.string({summary: 'How many samples; without it, no end.', helpValue: 'N'}),
    interval: Flags.string({
      summary: 'Time between samples, 10ms to 1h; 1s by default, with --on-change 1h.',
      helpValue: 'DURATION',
    }),
    member: Flags.string({
      summary: 'Whose: id, name or address; without it, those of the leader.',
      helpValue: 'MEMBER',
    }),
    'on-change': Flags.boolean({
      summary: 'Also at once when its role, its term or the leader that it follows changes.',
    }),
    prometheus: Flags.boolean({
      summary: 'As the text that Prometheus reads, after a comment with the time.',
      exclusive: ['json', 'output', 'quiet'],
    }),
  }
  static override timeoutMsDefault = undefined

  async run() {
    const {flags} = await this.parse(MetricsTail)
    const {member, prometheus, 'on-change': onChange} = flags
    const count = parseWhole(flags.count, {flag: '--count', min: 1})
    const intervalMs = parseDuration(flags.interval ?? (onChange ? '1h' : '1s'), '--interval')
    const watch = {member, intervalMs, onChange, prometheus, count}
    const samples = watchMetrics(await this.connect(), watch)
    if (!prometheus) await this.records(samples, sampleView)
    else for await (const text of prometheusTexts(samples)) if (!(await this.write(text))) break
  }
}
