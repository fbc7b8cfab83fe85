import {Args, BaseCommand, Flags} from '../../src/cli/base-command.js'
import {savedSnapshotView} from '../../src/cli/views/snapshot-view.js'
import {RaftctlError} from '../../src/errors.js'
import type {SaveOptions} from '../../src/operator/snapshot-files.js'

export default class SnapshotSave extends BaseCommand {
  static override summary = 'Save the state of the cluster into a file.'
  static override description =
    'Takes a new snapshot that holds every write acknowledged before, and writes it to a temporary ' +
    'file that gets the name once it is whole, verified and synced. With - it goes to standard ' +
    'output, and what this command says to standard error.'
  static override examples = [
    '<%= config.bin %> snapshot save backup.snap',
    '<%= config.bin %> snapshot save - | ssh vault "cat > backup.snap"',
    '<%= config.bin %> snapshot save backup.snap --latest --member 2 --overwrite',
  ]
  static override args = {
    file: Args.string({required: true, description: 'where to; - for standard output'}),
  }
  static override flags = {
    member: Flags.string({
      summary: 'Who makes and sends it: id, name or address; without it, the leader.',
      helpValue: 'MEMBER',
    }),
    latest: Flags.boolean({summary: 'The newest that there is, instead of a new one.'}),
    stale: Flags.boolean({summary: 'Whatever the member has applied, though nobody leads.'}),
    overwrite: Flags.boolean({summary: 'Replace the file if it exists.'}),
  }
  static override timeoutMsDefault = undefined

  async run() {
    const {args, flags} = await this.parse(SnapshotSave)
    const {member, latest, stale, overwrite} = flags
    const options = {member, latest, stale, createMs: this.timeoutMs}
    if (args.file === '-') return this.toStandardOutput(options)
    const {saveSnapshot} = await import('../../src/operator/snapshot-files.js')
    const progress = await this.progress('taking the snapshot')
    const onBytes = (done: number, all: number) => progress.update(`${done} of ${all} bytes`)
    const client = await this.connect()
    const saved = await saveSnapshot(client, args.file, {...options, overwrite, onBytes})
    progress.done()
    return this.print({kind: 'SnapshotSaved', ...saved}, () => savedSnapshotView(saved))
  }

  private async toStandardOutput(options: SaveOptions) {
    if (process.stdout.isTTY) {
      throw new RaftctlError('RAFTCTL_USAGE', 'a snapshot is nothing for a terminal', {
        hint: 'Name a file, or send it on with a pipe.',
      })
    }
    const {streamSnapshot} = await import('../../src/operator/snapshot-files.js')
    const saved = await streamSnapshot(await this.connect(), options, async piece => {
      if (!(await this.write(piece))) throw cutOff()
    })
    for (const line of savedSnapshotView(saved).lines ?? []) this.note(line)
    return saved
  }
}

/** A part of a snapshot is none, whoever stopped reading. */
function cutOff(): RaftctlError {
  return new RaftctlError('RAFTCTL_INPUT_OUTPUT', 'whoever reads standard output went away')
}
