import {actorName} from '../../src/cli/actor.js'
import {Args, BaseCommand, Flags} from '../../src/cli/base-command.js'
import {localContext, putContext, refuseRemoteContext} from '../../src/cli/contexts.js'
import {checkEndpoint} from '../../src/cli/endpoint.js'
import {restoredView} from '../../src/cli/views/snapshot-view.js'
import {RaftctlError} from '../../src/errors.js'

const ADDRESS = '127.0.0.1:7400'

export default class SnapshotRestore extends BaseCommand {
  static override summary = 'Make a new cluster of one voter from a snapshot file.'
  static override description =
    'With a new cluster id, so that the old nodes and the new one never mix. Every record of the ' +
    'file is read before anything is written, and a directory that holds something is refused. ' +
    'With --local it is a drill: a local cluster that runs at once.'
  static override examples = [
    '<%= config.bin %> snapshot restore backup.snap --data-dir /var/lib/raftctl',
    '<%= config.bin %> snapshot restore backup.snap --local drill',
  ]
  static override args = {file: Args.string({required: true, description: 'the snapshot'})}
  static override flags = {
    'data-dir': Flags.string({
      summary: 'The data directory to make; empty or not there yet.',
      helpValue: 'DIRECTORY',
      exclusive: ['local'],
    }),
    local: Flags.string({summary: 'The local cluster to make.', helpValue: 'NAME'}),
    advertise: Flags.string({
      summary: `With --data-dir: where the node will be reached; without it, ${ADDRESS}.`,
      helpValue: 'HOST:PORT',
      dependsOn: ['data-dir'],
    }),
  }
  static override timeoutMsDefault = undefined
  static override interruptGraceMs = 15_000

  async run() {
    const {args, flags} = await this.parse(SnapshotRestore)
    const {'data-dir': dataDir, local, advertise} = flags
    if (flags.endpoint !== undefined || (dataDir === undefined) === (local === undefined)) {
      throw new RaftctlError('RAFTCTL_USAGE', 'restore it into what?', {
        hint: 'Give --data-dir DIRECTORY or --local NAME.',
      })
    }
    const {restoreSnapshot} = await import('../../src/operator/snapshot-files.js')
    const actor = actorName(this.env)
    if (local !== undefined) return this.intoLocal(args.file, local)
    const address = checkEndpoint(advertise ?? ADDRESS)
    const restored = await restoreSnapshot(args.file, {dataDir: dataDir!, address, name: '', actor})
    const next = `raftctl node run --listen ${address} --data-dir ${restored.dataDir}`
    return this.print({kind: 'SnapshotRestored', ...restored}, () => restoredView(restored, next))
  }

  private async intoLocal(file: string, name: string) {
    const {restoreSnapshot} = await import('../../src/operator/snapshot-files.js')
    const {restoreLocalCluster} = await this.localClusters()
    await refuseRemoteContext(this.env, name)
    const actor = actorName(this.env)
    const progress = await this.progress('reading the snapshot')
    let restored: Awaited<ReturnType<typeof restoreSnapshot>> | undefined
    const made = await restoreLocalCluster({
      env: this.env,
      name,
      timeoutMs: this.timeoutMs ?? 60_000,
      signal: this.signal,
      onStep: progress.update,
      fill: async node => {
        restored = await restoreSnapshot(file, {...node, actor})
        return restored.clusterId
      },
    })
    await putContext(this.env, localContext(made.cluster))
    progress.done()
    const next = `raftctl status --context ${name}`
    return this.print({kind: 'SnapshotRestored', name, ...restored!}, () =>
      restoredView(restored!, next),
    )
  }
}
