/**
 * What every change of the membership shares: it is planned, shown, agreed to, compared and set, and
 * read back; or only planned, with --dry-run.
 */
import * as Flags from '@oclif/core/flags'
import {enforce, type MembershipPlan, standing} from '../operator/membership-plan.js'
import {type CarryOut, expectIndex, type PreparedChange} from '../operator/prepared-change.js'
import {LocalCommand} from './local-command.js'
import {parseWhole} from './number-flag.js'
import type {View} from './output.js'
import type {Progress} from './progress.js'
import {catchUpText} from './views/member-view.js'
import {planLines, planView} from './views/plan-view.js'

export const changeFlags = {
  reason: Flags.string({summary: 'Why, for the history.', helpValue: 'TEXT'}),
  'dry-run': Flags.boolean({summary: 'Show what it would do, and do nothing.'}),
  'expected-index': Flags.string({
    summary: 'Only if the membership is still that of this index.',
    helpValue: 'INDEX',
  }),
  force: Flags.string({
    summary: 'Override the rule that a refusal named. May be repeated.',
    helpValue: 'RULE',
    multiple: true,
    multipleNonGreedy: true,
  }),
}

export interface ChangeFlags {
  readonly reason?: string | undefined
  readonly 'dry-run': boolean
  readonly 'expected-index'?: string | undefined
  readonly force?: readonly string[] | undefined
}

export interface Carrying<R> {
  readonly flags: ChangeFlags
  /** Asked before anything is sent; undefined for what destroys nothing. */
  readonly question?: string | undefined
  /** While it goes on. */
  readonly waiting: string
  readonly kind: string
  readonly view: (result: R) => View
  /** Once it holds and is verified. */
  readonly afterwards?: ((result: R) => Promise<void>) | undefined
}

export abstract class ChangeCommand extends LocalCommand {
  /** The context and what is planned go to standard error before anything is sent. */
  protected async carryOut<R extends {readonly changed: boolean}>(
    prepared: PreparedChange<R>,
    {flags, question, waiting, kind, view, afterwards}: Carrying<R>,
  ) {
    const {plan} = prepared
    const {context} = await this.target()
    expectIndex(prepared, parseWhole(flags['expected-index'], {flag: '--expected-index', min: 1}))
    if (flags['dry-run']) return this.printPlan(plan, flags.force)
    enforce(plan, flags.force)
    if (plan.changed) {
      for (const line of planLines(plan, context)) this.note(line)
      for (const warning of plan.warnings) this.note(`warning: ${warning}`)
      if (question !== undefined) {
        await this.confirm(`${question} (cluster ${context ?? plan.clusterId})`)
      }
    }
    const client = await this.connect()
    const progress = await this.progress(waiting)
    const result = await prepared.run(client, this.carrying(flags, progress))
    progress.done()
    await afterwards?.(result)
    return this.print({kind, context, ...result}, () => view(result))
  }

  /** How a change that waits shows what it waits for, and says what an interruption leaves. */
  protected carrying(flags: Pick<ChangeFlags, 'reason' | 'force'>, progress: Progress): CarryOut {
    return {
      reason: flags.reason,
      force: flags.force,
      waitMs: this.timeoutMs,
      onSend: () => this.changeSent('See "raftctl member list" and "raftctl member history".'),
      onProgress: catchUp => progress.update(catchUpText(catchUp)),
      onStep: text => progress.update(text),
    }
  }

  /** Ends with the status of the refusal, if there is one: the plan is printed anyway. */
  protected async printPlan(plan: MembershipPlan, force: readonly string[] = []) {
    const {context} = await this.target()
    const refusal = standing(plan, force)
    if (refusal !== undefined) process.exitCode = 12
    return this.print(
      {kind: 'MembershipPlan', context, refused: refusal !== undefined, ...plan},
      () => planView(plan, context, force),
    )
  }

  /** A removed member of a local cluster has no use for its process and its files any more. */
  protected async discardLocally(member: {id: number; address: string}): Promise<void> {
    const {localCluster} = await this.target()
    if (localCluster === undefined) return
    const {discardNode, findLocalCluster, nodeStates} = await this.localClusters()
    const cluster = await findLocalCluster(localCluster.name, localCluster.directory)
    const nodes = await nodeStates(cluster)
    const node = nodes.find(
      ({id, address}) => id === member.id || (id === undefined && address === member.address),
    )
    if (node === undefined) return
    // One process may hold all nodes (`init --foreground`): the others live on in it.
    const shared = nodes.some(other => other !== node && other.pid === node.pid)
    if (node.pid === undefined || !shared) await discardNode(cluster.directory, node.name)
  }
}
