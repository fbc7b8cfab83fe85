import {BaseCommand, Flags} from '../src/cli/base-command.js'
import {doctorView} from '../src/cli/views/doctor-view.js'
import {diagnose, exitOf} from '../src/operator/doctor.js'
import type {Severity} from '../src/operator/finding.js'

export default class Doctor extends BaseCommand {
  static override summary = 'Find out what is wrong, why it matters, and what to do.'
  static override description =
    'Asks every node and compares what they say. Errors end with status 10, without leader or ' +
    'quorum with 11, with diverged data 14 (the highest counts, the report is printed anyway); ' +
    'warnings with 0, unless --fail-on warning.'
  static override examples = [
    '<%= config.bin %> doctor',
    '<%= config.bin %> doctor --fail-on warning --json',
    '<%= config.bin %> doctor --state',
  ]
  static override flags = {
    state: Flags.boolean({
      summary: "Compare the members' states too, at an entry that is written for it.",
    }),
    'fail-on': Flags.option({
      summary: 'What ends with a status other than 0.',
      options: ['error', 'warning'] as readonly Severity[],
      default: 'error' as Severity,
    })(),
  }

  async run() {
    const {flags} = await this.parse(Doctor)
    const {context, endpoints, clusterId} = await this.target()
    const progress = await this.progress('asking every node')
    const diagnosis = await diagnose(await this.connect(), {
      endpoints,
      clusterId,
      state: flags.state,
    })
    progress.done()
    const exit = exitOf(diagnosis, flags['fail-on'])
    if (exit !== 0) process.exitCode = exit
    return this.print({kind: 'DoctorReport', context, ...diagnosis}, () =>
      doctorView(diagnosis, context),
    )
  }
}
