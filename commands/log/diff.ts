import {Args, BaseCommand} from '../../src/cli/base-command.js'
import {logDiffView} from '../../src/cli/views/log-diff-view.js'
import {ERRORS} from '../../src/errors.js'

export default class LogDiff extends BaseCommand {
  static override summary = 'Find the first index where two logs differ, and what that means.'
  static override description =
    'Verdicts: same; behind (one holds less); uncommitted-tail (they differ where nothing is ' +
    'committed, which the next leader puts right); divergence, with status 14: they differ in what ' +
    'is committed. Of members only committed entries are compared. Nothing in common: 17.'
  static override examples = [
    '<%= config.bin %> log diff 1 2',
    '<%= config.bin %> log diff 1 dir:/var/lib/raftctl',
  ]
  static override args = {
    a: Args.string({required: true, description: 'id, name or address, or dir:PATH'}),
    b: Args.string({required: true, description: 'the other one'}),
  }
  static override timeoutMsDefault = undefined

  async run() {
    const {args} = await this.parse(LogDiff)
    const {openLogSource} = await import('../../src/operator/log-source.js')
    const {diffLogs} = await import('../../src/operator/log-diff.js')
    const a = await openLogSource(() => this.connect(), args.a)
    const b = await openLogSource(() => this.connect(), args.b)
    try {
      const diff = await diffLogs(a, b)
      if (diff.verdict === 'divergence') process.exitCode = ERRORS.RAFTCTL_DIVERGED.exit
      return await this.print({kind: 'LogDiff', ...diff}, () => logDiffView(diff))
    } finally {
      a.close()
      b.close()
    }
  }
}
