import {resolve} from 'node:path'
import {BaseCommand, Flags} from '../../src/cli/base-command.js'
import {checkEndpoint, isLoopback} from '../../src/cli/endpoint.js'
import {awaitGo} from '../../src/cli/go.js'
import {nodeLog} from '../../src/cli/node-log.js'
import {securityFrom} from '../../src/cli/security-flags.js'
import {RaftctlError} from '../../src/errors.js'

export default class NodeRun extends BaseCommand {
  static override summary = 'Run one node in the foreground.'
  static override description =
    'For systemd and containers. Prints one line when it is ready, and its log to standard error. ' +
    'SIGTERM and Ctrl-C hand leadership over, seal the log and end it with status 0.'
  static override examples = [
    '<%= config.bin %> node run --listen 10.0.0.11:7400 --data-dir /var/lib/raftctl ' +
      '--tls-ca ca.crt --tls-cert node.crt --tls-key node.key',
    '<%= config.bin %> node run --listen 127.0.0.1:7400 --data-dir d --insecure',
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
    'metrics-listen': Flags.string({
      summary: 'Serve /metrics (role monitor) and /healthz over HTTP, or HTTPS with --tls-cert.',
      helpValue: 'HOST:PORT',
      env: 'RAFTCTL_NODE_METRICS_LISTEN',
    }),
    name: Flags.string({summary: 'Its name among the members.', env: 'RAFTCTL_NODE_NAME'}),
    'tls-ca': Flags.string({
      summary: 'Speak TLS; the authority that signed the nodes, and clients unless --client-ca.',
      helpValue: 'FILE',
      env: 'RAFTCTL_NODE_TLS_CA',
    }),
    'tls-cert': Flags.string({
      summary: 'Certificate of this node.',
      helpValue: 'FILE',
      env: 'RAFTCTL_NODE_TLS_CERT',
    }),
    'tls-key': Flags.string({
      summary: 'Key of that certificate.',
      helpValue: 'FILE',
      env: 'RAFTCTL_NODE_TLS_KEY',
    }),
    'client-ca': Flags.string({
      summary: 'Authorities that client certificates, those of nodes among them, must come from.',
      helpValue: 'FILE',
      env: 'RAFTCTL_NODE_CLIENT_CA',
    }),
    'token-file': Flags.string({
      summary: 'Tokens to accept: lines of ROLE NAME SHA256.',
      helpValue: 'FILE',
      env: 'RAFTCTL_NODE_TOKEN_FILE',
    }),
    'peer-token-file': Flags.string({
      summary: 'The token that this node shows to others, where they have no TLS.',
      helpValue: 'FILE',
      env: 'RAFTCTL_NODE_PEER_TOKEN_FILE',
    }),
    insecure: Flags.boolean({
      summary: 'Start though others can listen in, or nobody has to show who they are.',
    }),
    'await-go': Flags.boolean({hidden: true}),
  }

  private started = false

  async run() {
    const {flags} = await this.parse(NodeRun)
    const listen = checkEndpoint(flags.listen, {portZero: true})
    const metricsListen =
      flags['metrics-listen'] && checkEndpoint(flags['metrics-listen'], {portZero: true})
    const advertise = flags.advertise === undefined ? undefined : checkEndpoint(flags.advertise)
    const {tls, tokenFile} = securityFrom(flags)
    const clientCa = flags['client-ca']
    const security = {
      tls: (tls ?? clientCa) ? {...tls, clientCa: clientCa && resolve(clientCa)} : undefined,
      tokenFile,
      peerTokenFile: flags['peer-token-file'] && resolve(flags['peer-token-file']),
    }
    if (!flags.insecure) {
      refuseExposed(listen, security)
      if (metricsListen !== undefined) refuseExposed(metricsListen, security)
    }
    if (flags['await-go'] && !(await awaitGo(process.stdin))) throw abandoned()

    this.started = true
    const log = nodeLog(process.stderr)
    const toldToStop = this.stopSignal()
    const {startDaemon} = await import('../../src/daemon.js')
    const {name, 'data-dir': dataDir} = flags
    const {version} = this.config
    const daemon = await startDaemon({
      dataDir,
      listen,
      metricsListen,
      advertise,
      name,
      version,
      security,
      log,
    })
    // Awaited below; a failure until then must not count as unhandled.
    daemon.done.catch(() => {})
    try {
      const {address, metricsAddress} = daemon
      const {pid} = process
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

/** RAFTCTL_USAGE where strangers could listen in, or speak as anybody. */
function refuseExposed(
  listen: string,
  {tls, tokenFile}: {tls?: unknown; tokenFile?: string},
): void {
  if (tls !== undefined) return
  if (!isLoopback(listen)) {
    throw new RaftctlError('RAFTCTL_USAGE', `${listen} can be reached from other machines`, {
      hint: 'Give --tls-ca, --tls-cert and --tls-key, listen on 127.0.0.1, or add --insecure.',
    })
  }
  if (tokenFile !== undefined) return
  throw new RaftctlError('RAFTCTL_USAGE', 'every user of this machine could command the node', {
    hint: 'Give --token-file, or --tls-ca, --tls-cert and --tls-key, or add --insecure.',
  })
}

function readyLine(address: string, pid: number, data: string, metrics: string | undefined) {
  const also = metrics === undefined ? '' : ` metrics=${metrics}`
  return `ready  address=${address} pid=${pid} data=${data}${also}`
}

function abandoned(): RaftctlError {
  return new RaftctlError('RAFTCTL_INTERRUPTED', 'whoever started this node went away')
}
