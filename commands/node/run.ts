import {BaseCommand, Flags} from '../../src/cli/base-command.js'
import {awaitGo} from '../../src/cli/go.js'
import {nodeSettingFlags} from '../../src/cli/node-flags.js'
import {type NodeLog, nodeLog, nodeLogFile} from '../../src/cli/node-log.js'
import {nodeOptions} from '../../src/cli/node-options.js'
import {RaftctlError} from '../../src/errors.js'

export default class NodeRun extends BaseCommand {
  static override summary = 'Run one node in the foreground.'
  static override description =
    'For systemd and containers. Prints one line when it is ready, and its log to standard error. ' +
    'SIGTERM and Ctrl-C hand leadership over, seal the log and end it with status 0. Each flag can ' +
    'come from the environment (RAFTCTL_NODE_DATA_DIR) or a file (--config) instead.'
  static override examples = [
    '<%= config.bin %> node run --listen 10.0.0.11:7400 --data-dir /var/lib/raftctl ' +
      '--tls-ca ca.crt --tls-cert node.crt --tls-key node.key',
    '<%= config.bin %> node run --config /etc/raftctl/node.yaml',
    '<%= config.bin %> node run --listen 127.0.0.1:7400 --data-dir d --insecure',
  ]
  static override flags = {
    config: Flags.string({
      summary: 'YAML with settings by the names of the flags; flags and environment go first.',
      helpValue: 'FILE',
      env: 'RAFTCTL_NODE_CONFIG',
    }),
    ...nodeSettingFlags,
    'await-go': Flags.boolean({hidden: true}),
  }

  private nodeLog: NodeLog | undefined

  async run() {
    const {flags} = await this.parse(NodeRun)
    const options = nodeOptions(flags, await configured(flags.config))
    if (flags['await-go'] && !(await awaitGo(process.stdin))) throw abandoned()

    const {logFile, ...rest} = options
    const log = logFile === undefined ? nodeLog(process.stderr) : nodeLogFile(logFile)
    this.nodeLog = log
    const toldToStop = this.stopSignal()
    const {startDaemon} = await import('../../src/daemon.js')
    const daemon = await startDaemon({...rest, version: this.config.version, log})
    // Awaited below; a failure until then must not count as unhandled.
    daemon.done.catch(() => {})
    try {
      const {address, metricsAddress} = daemon
      const {pid} = process
      const {dataDir} = options
      await this.print(
        {kind: 'NodeReady', address, pid, dataDir, metricsAddress},
        {lines: [readyLine(address, pid, dataDir, metricsAddress)]},
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
    this.nodeLog?.({
      level: 'error',
      event: 'node-failed',
      code: known ? error.code : 'RAFTCTL_UNEXPECTED',
      message: error.message,
      ...(known ? {hint: error.hint} : {stack: error.stack}),
    })
    await super.catch(error)
  }
}

/** The library that reads YAML is loaded only where there is some. */
async function configured(path: string | undefined) {
  if (path === undefined) return new Map()
  const {readNodeConfig} = await import('../../src/cli/node-config.js')
  return readNodeConfig(path)
}

function readyLine(address: string, pid: number, data: string, metrics: string | undefined) {
  const also = metrics === undefined ? '' : ` metrics=${metrics}`
  return `ready  address=${address} pid=${pid} data=${data}${also}`
}

function abandoned(): RaftctlError {
  return new RaftctlError('RAFTCTL_INTERRUPTED', 'whoever started this node went away')
}
