import {BaseCommand, Flags} from '../src/cli/base-command.js'
import {parseDuration} from '../src/cli/duration.js'
import {parseWhole} from '../src/cli/number-flag.js'
import {showTop} from '../src/cli/show-top.js'
import {pictureView, topBlock} from '../src/cli/views/top-view.js'
import {watchCluster} from '../src/operator/watch-cluster.js'

export default class Top extends BaseCommand {
  static override summary = 'Watch the members at work, live: rates, lag, latency.'
  static override description =
    'Failure tolerance first, then a row a member: commits and applied entries a second, entries ' +
    'behind the leader, mean time of a sync of the log. Members that do not answer stay, marked; a ' +
    'lost leader ends nothing. q quits, left and right sort. Without a terminal, or with TERM=dumb, ' +
    'it prints a block each interval; with --json an object a line.'
  static override examples = [
    '<%= config.bin %> top',
    '<%= config.bin %> top --interval 200ms',
    '<%= config.bin %> top --count 1 --json',
  ]
  static override flags = {
    count: Flags.string({summary: 'How many pictures; without it, no end.', helpValue: 'N'}),
    interval: Flags.string({
      summary: 'Time between pictures, 10ms to 1h.',
      default: '1s',
      helpValue: 'DURATION',
    }),
  }
  /** Of each call: a member that is stuck must not stop the screen for long. */
  static override timeoutMsDefault = 2_000

  async run() {
    const {flags} = await this.parse(Top)
    const count = parseWhole(flags.count, {flag: '--count', min: 1})
    const intervalMs = parseDuration(flags.interval, '--interval')
    const {context} = await this.target()
    const live = this.forPeople && this.terminal.drawsScreens
    const options = {intervalMs, count, withRates: !live, signal: this.signal}
    const pictures = watchCluster(await this.connect(), options)
    if (live) {
      const {colour} = this.terminal
      await showTop(pictures, {context, colour, toldToStop: this.stopSignal()})
    } else if (this.forPeople) {
      for await (const picture of pictures) {
        if (!(await this.write(topBlock(picture, context)))) return
      }
    } else await this.records(pictures, pictureView)
  }
}
