import {actorName} from '../../src/cli/actor.js'
import {Args, BaseCommand, Flags} from '../../src/cli/base-command.js'
import {
  addContext,
  clusterOfName,
  localContext,
  putContext,
  refuseRemoteContext,
} from '../../src/cli/contexts.js'
import {checkEndpoint} from '../../src/cli/endpoint.js'
import {restoredNodesView, restoredView} from '../../src/cli/views/snapshot-view.js'
import {RaftctlError} from '../../src/errors.js'

const ADDRESS = '127.0.0.1:7400'
const LEADER_MS = 60_000

export default class SnapshotRestore extends BaseCommand {
  static override summary = 'Make a new cluster from a snapshot file.'
  static override description =
    'With a new cluster id, so that the old nodes and the new one never mix. Every record of the ' +
    'file is read before anything is written, and a target that holds something is refused. ' +
    'With --data-dir it makes the directory of a single voter. With --local it is a drill: a local ' +
    'cluster that runs at once. With --endpoint, once for each node, pristine nodes ("raftctl node ' +
    'run") become the voters: none changes before all of them hold and have checked the file; cut ' +
    'short, the same command completes what it began.'
  static override examples = [
    '<%= config.bin %> snapshot restore backup.snap --data-dir /var/lib/raftctl',
    '<%= config.bin %> snapshot restore backup.snap --local drill',
    '<%= config.bin %> snapshot restore backup.snap --endpoint 10.0.0.11:7400 --endpoint 10.0.0.12:7400 --endpoint 10.0.0.13:7400 --name prod',
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
    name: Flags.string({
      summary: 'With --endpoint: the context to make for the new cluster.',
      dependsOn: ['endpoint'],
    }),
  }
  static override timeoutMsDefault = undefined
  static override interruptGraceMs = 15_000

  async run() {
    const {args, flags} = await this.parse(SnapshotRestore)
    const {'data-dir': dataDir, local, advertise} = flags
    const targets = [flags.endpoint, dataDir, local].filter(each => each !== undefined)
    if (targets.length !== 1) {
      throw new RaftctlError('RAFTCTL_USAGE', 'restore it into what?', {
        hint: 'Give one of --endpoint HOST:PORT (for each node), --data-dir DIRECTORY, --local NAME.',
      })
    }
    if (flags.endpoint !== undefined) return this.intoNodes(args.file, flags.endpoint, flags.name)
    const {restoreSnapshot} = await import('../../src/operator/snapshot-files.js')
    const actor = actorName(this.env)
    if (local !== undefined) return this.intoLocal(args.file, local)
    const address = checkEndpoint(advertise ?? ADDRESS)
    const restored = await restoreSnapshot(args.file, {dataDir: dataDir!, address, name: '', actor})
    const next = `raftctl node run --listen ${address} --data-dir ${restored.dataDir}`
    return this.print({kind: 'SnapshotRestored', ...restored}, () => restoredView(restored, next))
  }

  /** From flags only, never from the environment: nodes are not made a cluster by accident. */
  private async intoNodes(file: string, endpoints: readonly string[], name: string | undefined) {
    const {restoreIntoNodes} = await import('../../src/operator/restore-nodes.js')
    const taken = name === undefined ? undefined : await this.freeName(name)
    const list = endpoints.join(', ')
    await this.confirm(`Make ${list} a new cluster that holds what ${file} holds?`)
    const progress = await this.progress('reading the snapshot')
    const restored = await restoreIntoNodes(await this.connect(), file, endpoints, {
      actor: actorName(this.env),
      timeoutMs: this.timeoutMs ?? LEADER_MS,
      taken,
      onStep: progress.update,
      onJoining: () => this.changeSent('run the same command again: it completes what it began'),
    })
    const {clusterId} = restored
    if (name !== undefined) {
      const {security} = await this.target()
      await addContext(this.env, {
        kind: 'remote',
        name,
        endpoints: [...endpoints],
        clusterId,
        security,
      })
    }
    progress.done()
    return this.print({kind: 'SnapshotRestored', name: name ?? null, ...restored}, () =>
      restoredNodesView(restored),
    )
  }

  /** What the name stands for already; these nodes must be it. */
  private async freeName(name: string): Promise<string | undefined> {
    const {checkName} = await this.localClusters()
    checkName(name)
    return clusterOfName(this.env, name)
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
    // A drill comes and goes; what commands talk to meanwhile stays what it was.
    await putContext(this.env, localContext(made.cluster), {aside: true})
    progress.done()
    const next = `raftctl status --context ${name}`
    return this.print({kind: 'SnapshotRestored', name, ...restored!}, () =>
      restoredView(restored!, next),
    )
  }
}
