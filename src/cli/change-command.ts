/**
 * What every change of the membership shares: it is planned, shown, agreed to, compared and set, and
 * read back; or only planned, with --dry-run.
 */
import * as Flags from '@oclif/core/flags'
import type {MemberStatus} from '../client/types.js'
import {RaftctlError} from '../errors.js'
import {leftBehind, rollBack} from '../operator/left-behind.js'
import {enforce, type MembershipPlan, standing} from '../operator/membership-plan.js'
import {type CarryOut, expectIndex, type PreparedChange} from '../operator/prepared-change.js'
import type {MembershipChange, PreparedMembership} from '../operator/reach-membership.js'
import {LocalCommand} from './local-command.js'
import {chooseMember} from './member-questions.js'
import {parseWhole} from './number-flag.js'
import type {View} from './output.js'
import type {Progress} from './progress.js'
import {catchUpBar, catchUpText, membershipChangeView} from './views/member-view.js'
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
  /** What Enter answers; default no. */
  readonly initial?: boolean | undefined
  /** While it goes on. */
  readonly waiting: string
  readonly kind: string
  readonly view: (result: R) => View
  /** Once it holds and is verified. */
  readonly afterwards?: ((result: R) => Promise<void>) | undefined
  /** How to go on with a new member that an interruption left a learner. */
  readonly goOn?: ((memberId: number) => string) | undefined
}

export interface MemberQuestion {
  readonly message: string
  /** Who comes into question. */
  readonly among?: (member: MemberStatus) => boolean
}

export abstract class ChangeCommand extends LocalCommand {
  /** Looking at what an interruption left, and taking it back. */
  static override interruptGraceMs = 10_000

  /** The context and what is planned go to standard error before anything is sent. */
  protected async carryOut<R extends {readonly changed: boolean}>(
    prepared: PreparedChange<R>,
    {flags, question, initial, waiting, kind, view, afterwards, goOn}: Carrying<R>,
  ) {
    const {plan} = prepared
    const {context} = await this.target()
    expectIndex(prepared, parseWhole(flags['expected-index'], {flag: '--expected-index', min: 1}))
    if (flags['dry-run']) return this.printPlan(plan, flags.force)
    enforce(plan, flags.force)
    const client = await this.connect()
    if (plan.changed) {
      for (const line of planLines(plan, context)) this.note(line)
      for (const warning of plan.warnings) this.note(`warning: ${warning}`)
      if (question !== undefined) {
        await this.confirm(`${question} (cluster ${context ?? plan.clusterId})`, {initial})
      }
    }
    const progress = await this.progress(waiting)
    const admitted = new Set<string>()
    const carrying = this.carrying(flags, progress)
    let sent = false
    const onSend = () => {
      sent = true
      carrying.onSend?.()
    }
    const result = await prepared
      .run(client, {...carrying, onSend, onAdmit: store => admitted.add(store)})
      .catch(async error => {
        if (this.signal.aborted && admitted.size > 0) await this.cutShort(admitted, goOn)
        else if (this.signal.aborted && !sent) await this.stillBehind(plan.waitsFor, goOn)
        throw error
      })
    progress.done()
    await afterwards?.(result)
    return this.print({kind, context, ...result}, () => view(result))
  }

  /** Several members at one stroke: who goes for good is asked about first, and cleaned up after. */
  protected carryOutJoint(
    prepared: PreparedMembership,
    {flags, waiting, question}: Pick<Carrying<MembershipChange>, 'flags' | 'waiting' | 'question'>,
  ) {
    const {removed} = prepared
    const gone = removed.map(({id}) => id).join(', ')
    return this.carryOut(prepared, {
      flags,
      waiting,
      question: removed.length > 0 ? (question ?? `Remove ${gone} for good?`) : undefined,
      kind: 'MembershipChange',
      afterwards: async () => {
        for (const member of removed) await this.discardLocally(member)
      },
      view: membershipChangeView,
    })
  }

  /** The member given, or chosen by the person; RAFTCTL_USAGE where nobody can be asked. */
  protected async memberMeant(
    given: string | undefined,
    {message, among = () => true}: MemberQuestion,
  ): Promise<string> {
    if (given !== undefined) return given
    if (!this.terminal.asks) {
      throw new RaftctlError('RAFTCTL_USAGE', 'which member?', {
        hint: 'Give its id, name or address; "raftctl member list" shows them.',
      })
    }
    const status = await (await this.connect()).clusterStatus()
    return chooseMember(await this.asker(message), status.members.filter(among), message)
  }

  /** How a change that waits shows what it waits for, and says what an interruption leaves. */
  private carrying(flags: Pick<ChangeFlags, 'reason' | 'force'>, progress: Progress): CarryOut {
    const {showsProgress, columns} = this.terminal
    return {
      reason: flags.reason,
      force: flags.force,
      waitMs: this.timeoutMs,
      onSend: () => this.changeSent('See "raftctl member list" and "raftctl member history".'),
      onProgress: catchUp =>
        progress.figures(
          showsProgress ? catchUpBar(catchUp, columns - SPINNER_COLUMNS) : catchUpText(catchUp),
        ),
      onStep: text => progress.update(text),
    }
  }

  /** A new member that does not vote yet may be taken back; else it stays, and that is said. */
  private cutShort(stores: ReadonlySet<string>, goOn: Carrying<never>['goOn']): Promise<void> {
    return this.afterInterruption(async (client, asks) => {
      const left = await leftBehind(client, stores)
      const [first] = left
      if (first === undefined) return undefined
      const ids = left.map(({id}) => id).join(', ')
      const question = `Member ${ids} is a ${first.role} by now. Remove it again?`
      // A second Ctrl-C is an answer too: leave it.
      const back = asks && (await (await this.asker(question)).confirm(question, true).catch(no))
      if (back) {
        await rollBack(client, left)
        for (const member of left) await this.discardLocally(member)
        return new RaftctlError(
          'RAFTCTL_INTERRUPTED',
          `interrupted; member ${ids} is removed again`,
        )
      }
      const next = goOn?.(first.id) ?? 'Run the same command again'
      return new RaftctlError(
        'RAFTCTL_INTERRUPTED',
        `interrupted; member ${ids} stays a ${first.role}`,
        {
          hint: `${next} to go on, or "raftctl member remove ${first.id}" to undo it.`,
          details: {changeSent: true, memberId: first.id},
        },
      )
    })
  }

  /** Nothing was sent: who was waited for is what it was, and how to wait on is said. */
  private stillBehind(waitedFor: readonly number[], goOn: Carrying<never>['goOn']): Promise<void> {
    return this.afterInterruption(async client => {
      const {members} = await client.clusterStatus()
      const left = members.filter(({id, role}) => waitedFor.includes(id) && role === 'learner')
      const [first] = left
      if (first === undefined) return undefined
      const ids = left.map(({id}) => id).join(', ')
      const lag = left.length === 1 && first.lag !== null ? `, ${first.lag} entries behind` : ''
      return new RaftctlError(
        'RAFTCTL_INTERRUPTED',
        `interrupted; nothing was changed: member ${ids} stays a learner${lag}`,
        {
          hint: `${goOn?.(first.id) ?? 'Run the same command again'} to go on.`,
          details: {changeSent: false, memberId: first.id},
        },
      )
    })
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

/** Of the spinner and the blank behind it. */
const SPINNER_COLUMNS = 2

const no = () => false
