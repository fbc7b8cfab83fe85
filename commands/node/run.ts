import {BaseCommand, Flags} from '../../src/cli/base-command.js'
import {checkEndpoint, isLoopback} from '../../src/cli/endpoint.js'
import {awaitGo} from '../../src/cli/go.js'
import {nodeLog} from '../../src/cli/node-log.js'
import {RaftctlError} from '../../src/errors.js'

export default class NodeRun extends BaseCommand {
  static override summary = 'Run one node in the foreground.'
  static override description =
    'For systemd and containers. Prints one line when it is ready, and its log to standard error. ' +
    'SIGTERM and Ctrl-C hand leadership over, seal the log and end it with status 0.'
  static override examples = [
    '<%= config.bin %> node run --listen 127.0.0.1:7400 --data-dir /var/lib/raftctl',
  ]
  static override flags = {
    listen: Flags.string({
      summary: 'Where to listen; port 0 takes a free one.',
      helpValue: 'HOST:PORT',
      required: true,
      env: 'RAFTCTL_NODE_LISTEN',
    }),
    'data-dir': Flags.string({
      summary: 'Where the node keeps its data.',
      required: true,
      env: 'RAFTCTL_NODE_DATA_DIR',
    }),
    advertise: Flags.string({
      summary: 'Where others reach it, if not where it listens.',
      helpValue: 'HOST:PORT',
      env: 'RAFTCTL_NODE_ADVERTISE',
    }),
    name: Flags.string({summary: 'Its name among the members.', env: 'RAFTCTL_NODE_NAME'}),
    insecure: Flags.boolean({
      summary: 'Listen beyond this machine, though nothing is encrypted or authenticated.',
    }),
    'await-go': Flags.boolean({hidden: true}),
  }

  private started = false

  async run() {
    const {flags} = await this.parse(NodeRun)
    const listen = checkEndpoint(flags.listen, {portZero: true})
    const advertise = flags.advertise === undefined ? undefined : checkEndpoint(flags.advertise)
    if (!isLoopback(listen) && !flags.insecure) throw exposed(listen)
    if (flags['await-go'] && !(await awaitGo(process.stdin))) throw abandoned()

    this.started = true
    const log = nodeLog(process.stderr)
    const toldToStop = this.stopSignal()
    const {startDaemon} = await import('../../src/daemon.js')
    const {name, 'data-dir': dataDir} = flags
    const {version} = this.config
    const daemon = await startDaemon({dataDir, listen, advertise, name, version, log})
    // Awaited below; a failure until then must not count as unhandled.
    daemon.done.catch(() => {})
    try {
      const {address} = daemon
      const {pid} = process
      await this.print(
        {kind: 'NodeReady', address, pid, dataDir},
        {lines: [`ready  address=${address} pid=${pid} data=${dataDir}`]},
      )
      await Promise.race([toldToStop, daemon.done])
    } finally {
      await daemon.stop()
    }
    await daemon.done
  }

  /** Whoever reads the log of a node that ended finds why there, in the log's own form. */
  protected override async catch(error: Error): Promise<void> {
    const known = error instanceof RaftctlError
    if (!this.started) return super.catch(error)
    nodeLog(process.stderr)({
      level: 'error',
      event: 'node-failed',
      code: known ? error.code : 'RAFTCTL_UNEXPECTED',
      message: error.message,
      ...(known ? {hint: error.hint} : {stack: error.stack}),
    })
    await super.catch(error)
  }
}

function exposed(listen: string): RaftctlError {
  return new RaftctlError('RAFTCTL_USAGE', `${listen} can be reached from other machines`, {
    hint: 'Nothing is encrypted or authenticated yet: listen on 127.0.0.1, or add --insecure.',
  })
}

function abandoned(): RaftctlError {
  return new RaftctlError('RAFTCTL_INTERRUPTED', 'whoever started this node went away')
}
