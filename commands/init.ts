import {actorName} from '../src/cli/actor.js'
import {BaseCommand, Flags} from '../src/cli/base-command.js'
import {
  addContext,
  clusterOfName,
  localContext,
  putContext,
  readContexts,
  refuseRemoteContext,
} from '../src/cli/contexts.js'
import {
  askInit,
  INIT_INTRODUCTION,
  type InitWish,
  initPlan,
  NODES_MAX,
} from '../src/cli/init-questions.js'
import type {LocalInit, LocalInitialised} from '../src/cli/local-command.js'
import {nodeLog} from '../src/cli/node-log.js'
import type {Progress} from '../src/cli/progress.js'
import {
  type InitialisedCluster,
  initialisedRecord,
  initialisedView,
} from '../src/cli/views/cluster-view.js'
import {RaftctlError} from '../src/errors.js'

export default class Init extends BaseCommand {
  static override summary =
    'Bootstrap a cluster: of local node processes, or of pristine nodes elsewhere.'
  static override description =
    'Starts the nodes in the background, makes them a cluster, and waits until a leader has ' +
    'committed. At a terminal and without flags it asks first. If it fails or is interrupted it ' +
    'leaves nothing behind. With --endpoint, once for each node, it makes pristine nodes that ' +
    'run already ("raftctl node run") the voters of a new cluster; cut short, it can be run again.'
  static override examples = [
    '<%= config.bin %> init',
    '<%= config.bin %> init --nodes 5 --name lab --yes',
    '<%= config.bin %> init --foreground',
    '<%= config.bin %> init --endpoint 10.0.0.11:7400 --endpoint 10.0.0.12:7400 --endpoint 10.0.0.13:7400 --name prod',
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
    if (flags.endpoint !== undefined) return this.atEndpoints(flags.endpoint, flags.name)
    const {initLocalCluster, plannedDirectory} = await this.localClusters()
    const asks = this.terminal.asks && this.argv.length === 0
    const {name, nodes} = asks ? await this.asked(flags) : flags
    await refuseRemoteContext(this.env, name)
    const directory = plannedDirectory(this.env, name, flags['data-dir'])
    const plan = initPlan({name, nodes, directory, foreground: flags.foreground}, this.env)
    if (this.terminal.asks) this.note(plan.join('\n'))
    if (asks) await this.confirm('Go ahead?', {initial: true})

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

  private async asked(initial: InitWish): Promise<InitWish> {
    this.note(INIT_INTRODUCTION.join('\n'))
    const {listClusters} = await this.localClusters()
    const {clusters} = await listClusters(this.env)
    const {contexts} = await readContexts(this.env)
    const taken = new Set([...clusters, ...contexts].map(({name}) => name))
    return askInit(await this.asker('Name of the cluster'), initial, taken)
  }

  /** From flags only, never from the environment: nodes are not made a cluster by accident. */
  private async atEndpoints(endpoints: readonly string[], name: string) {
    const local = ['--nodes', '--data-dir', '--foreground'].find(flag => {
      return this.argv.some(word => word === flag || word.startsWith(`${flag}=`))
    })
    if (local !== undefined) throw localOnly(local)
    const {checkName} = await this.localClusters()
    checkName(name)
    const {security} = await this.target()
    const {initialiseNodes} = await import('../src/operator/initialise-nodes.js')
    const list = endpoints.join(', ')
    await this.confirm(`Make ${list} a new cluster of ${endpoints.length} voters?`, {initial: true})
    const waiting = await this.progress('initialising')
    this.changeSent('run the same command again: it completes what it began')
    const made = await initialiseNodes(await this.connect(), endpoints, {
      origin: {actor: actorName(this.env), reason: 'init'},
      taken: await clusterOfName(this.env, name),
      timeoutMs: this.timeoutMs ?? Init.timeoutMsDefault,
    })
    const {clusterId} = made
    const context = {kind: 'remote', name, endpoints: [...endpoints], clusterId, security} as const
    const current = await addContext(this.env, context)
    waiting.done()
    return this.printInitialised({...made, name, directory: null, current})
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
    const {status, cluster} = made
    const current = await putContext(this.env, localContext(cluster))
    waiting.done()
    return this.printInitialised({...cluster, changed: true, status, current})
  }

  private printInitialised(made: InitialisedCluster) {
    return this.print(initialisedRecord(made), () => initialisedView(made, this.env))
  }
}

function localOnly(flag: string): RaftctlError {
  return new RaftctlError('RAFTCTL_USAGE', `${flag} is for local clusters, --endpoint for others`, {
    hint: 'Leave one of them away.',
  })
}
