import {BaseCommand, Flags} from '../src/cli/base-command.js'
import {parseWhole} from '../src/cli/number-flag.js'
import {simulationView} from '../src/cli/views/simulation-view.js'

const SEED_MAX = 0xffff_ffff
const EXIT_VIOLATED = 10

export default class Simulate extends BaseCommand {
  static override hidden = true
  static override summary =
    'Simulate clusters under faults in this process, and check every promise.'
  static override description =
    'No cluster is needed or touched. Each seed decides everything that happens; a violation ends ' +
    'the run with status 10 and names the seed that shows it again.'
  static override examples = [
    '<%= config.bin %> simulate --seed 7',
    '<%= config.bin %> simulate --seed 1 --count 100 --steps 50000 --json',
  ]
  static override flags = {
    seed: Flags.string({summary: 'The first seed.', default: '1', helpValue: 'S'}),
    count: Flags.string({summary: 'How many seeds.', default: '1', helpValue: 'N'}),
    steps: Flags.string({
      summary: 'Messages and proposals of each seed before faults stop.',
      default: '20000',
      helpValue: 'N',
    }),
    shrink: Flags.boolean({summary: 'Cut a failing seed down to a short script.'}),
  }
  static override timeoutMsDefault = undefined

  async run() {
    const {flags} = await this.parse(Simulate)
    const firstSeed = parseWhole(flags.seed, {flag: '--seed', min: 0, max: SEED_MAX})!
    const count = parseWhole(flags.count, {flag: '--count', min: 1, max: SEED_MAX})!
    const steps = parseWhole(flags.steps, {flag: '--steps', min: 1})!
    const {runSimulations} = await import('../src/sim/run.js')
    const report = await runSimulations({
      firstSeed,
      lastSeed: firstSeed + count - 1,
      steps,
      twice: false,
      shrink: flags.shrink,
      keepGoing: false,
    })
    if (report.violations.length > 0) process.exitCode = EXIT_VIOLATED
    return this.print({kind: 'SimulationReport', ...report}, () => simulationView(report))
  }
}
