import {actorName} from '../src/cli/actor.js'
import {BaseCommand, Flags} from '../src/cli/base-command.js'
import {localContext, putContext, refuseRemoteContext} from '../src/cli/contexts.js'
import {askInit, initPlan, NODES_MAX} from '../src/cli/init-questions.js'
import type {LocalInit, LocalInitialised} from '../src/cli/local-command.js'
import {nodeLog} from '../src/cli/node-log.js'
import type {Progress} from '../src/cli/progress.js'
import {initRecord, initView} from '../src/cli/views/cluster-view.js'
import {RaftctlError} from '../src/errors.js'

export default class Init extends BaseCommand {
  static override summary = 'Bootstrap a local cluster of node processes.'
  static override description =
    'Starts the nodes in the background, makes them a cluster, and waits until a leader has ' +
    'committed. At a terminal and without flags it asks first. If it fails or is interrupted it ' +
    'leaves nothing behind.'
  static override examples = [
    '<%= config.bin %> init',
    '<%= config.bin %> init --nodes 5 --name lab --yes',
    '<%= config.bin %> init --foreground',
  ]
  static override flags = {
    nodes: Flags.integer({summary: 'How many voters.', min: 1, max: NODES_MAX, default: 3}),
    name: Flags.string({summary: 'Name of the cluster and its context.', default: 'default'}),
    'data-dir': Flags.string({summary: 'Where to put it; empty or not there yet.'}),
    foreground: Flags.boolean({summary: 'All nodes within this process, until Ctrl-C.'}),
  }
  static override timeoutMsDefault = 60_000
  static override interruptGraceMs = 15_000

  async run() {
    const {flags} = await this.parse(Init)
    if (flags.endpoint !== undefined) throw remote()
    const {initLocalCluster, plannedDirectory} = await this.localClusters()
    const asks = this.terminal.asks && this.argv.length === 0
    const wish = asks ? await askInit(question => this.ask(question), flags) : flags
    const {name, nodes} = wish
    await refuseRemoteContext(this.env, name)
    const directory = plannedDirectory(this.env, name, flags['data-dir'])
    const plan = initPlan(wish, directory, flags.foreground)
    if (asks) await this.confirm(`${plan}. Go ahead?`, {initial: true})
    else if (this.terminal.asks) this.note(plan)

    const waiting = await this.progress('starting')
    const init = {
      env: this.env,
      name,
      nodes,
      dataDir: flags['data-dir'],
      actor: actorName(this.env),
      timeoutMs: this.timeoutMs ?? Init.timeoutMsDefault,
      signal: this.signal,
      onStep: waiting.update,
    }
    if (flags.foreground) return this.inForeground(init, waiting)
    const made = await initLocalCluster(init)
    return this.report(made, waiting)
  }

  private async inForeground(init: LocalInit, waiting: Progress) {
    const {runForeground} = await this.localClusters()
    const {startDaemon} = await import('../src/daemon.js')
    const log = this.verbose ? nodeLog(process.stderr) : () => {}
    const {version} = this.config
    const made = await runForeground(init, node => startDaemon({...node, version, log}))
    try {
      const toldToStop = this.stopSignal()
      const printed = await this.report(made, waiting)
      this.note('running until Ctrl-C')
      await Promise.race([toldToStop, made.failed])
      return printed
    } finally {
      await made.stop()
    }
  }

  private async report(made: LocalInitialised, waiting: Progress) {
    const current = await putContext(this.env, localContext(made.cluster))
    waiting.done()
    return this.print(initRecord(made, current), () => initView(made, current, this.env))
  }
}

function remote(): RaftctlError {
  return new RaftctlError('RAFTCTL_USAGE', 'init makes local clusters; it takes no --endpoint', {
    hint: 'Leave --endpoint away.',
  })
}
