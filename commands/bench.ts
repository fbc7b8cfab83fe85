import {BaseCommand, Flags} from '../src/cli/base-command.js'
import {parseDuration} from '../src/cli/duration.js'
import {parseWhole} from '../src/cli/number-flag.js'
import {loadProgressText, loadText, loadView} from '../src/cli/views/bench-view.js'
import {RaftctlError} from '../src/errors.js'
import {type Load, loadPrefix, measureLoad, removeLoad} from '../src/operator/measure-load.js'

const CALLERS_MAX = 10_000
const SIZE_BYTES_MAX = 1024 * 1024

export default class Bench extends BaseCommand {
  static override summary = 'Measure writes or linearizable reads of a cluster, and what limits.'
  static override description =
    'Callers write, or read, as fast as they are answered, each waiting for its own answer, on keys ' +
    'below "raftctl-bench/" that are deleted afterwards, also after Ctrl-C. A cluster elsewhere is ' +
    'put under load only once you agree, or with --yes. Every write is as durable as any other.'
  static override examples = [
    '<%= config.bin %> bench',
    '<%= config.bin %> bench --reads --callers 256 --duration 30s',
    '<%= config.bin %> bench --size-bytes 1024 --json',
  ]
  static override flags = {
    callers: Flags.string({
      summary: 'How many ask at the same time, 1 to 10,000.',
      default: '64',
      helpValue: 'N',
    }),
    duration: Flags.string({
      summary: 'For how long, 10ms to 1h.',
      default: '10s',
      helpValue: 'DURATION',
    }),
    reads: Flags.boolean({summary: 'Linearizable reads.', exclusive: ['writes']}),
    'size-bytes': Flags.string({
      summary: 'Size of each value, 1 to 1,048,576.',
      default: '256',
      helpValue: 'BYTES',
    }),
    writes: Flags.boolean({summary: 'Writes; the default.'}),
  }
  /** Deleting its keys takes as long as it takes; a second Ctrl-C leaves them. */
  static override interruptGraceMs = 60_000

  async run() {
    const {flags} = await this.parse(Bench)
    const load: Load = {
      op: flags.reads ? 'read' : 'write',
      callers: parseWhole(flags.callers, {flag: '--callers', min: 1, max: CALLERS_MAX})!,
      valueBytes: parseWhole(flags['size-bytes'], {
        flag: '--size-bytes',
        min: 1,
        max: SIZE_BYTES_MAX,
      })!,
      durationMs: parseDuration(flags.duration, '--duration'),
      prefix: loadPrefix(),
    }
    const {context, localCluster} = await this.target()
    if (localCluster === undefined) {
      await this.confirm(`Put load on this cluster: ${loadText(load)}?`)
    }
    const client = await this.connect()
    const progress = await this.progress(loadText(load))
    this.changeSent(`Keys may be left below "${load.prefix}".`)
    try {
      const report = await measureLoad(client, load, now => progress.figures(loadProgressText(now)))
      progress.update('deleting the keys')
      await removeLoad(client, load.prefix)
      progress.done()
      return this.print({kind: 'Bench', context, ...load, ...report}, () => loadView(load, report))
    } catch (error) {
      await this.afterInterruption(async fresh => {
        const removed = await removeLoad(fresh, load.prefix)
        return new RaftctlError(
          'RAFTCTL_INTERRUPTED',
          `interrupted; ${removed} keys are deleted again`,
        )
      })
      throw error
    }
  }
}
