/**
 * What every command shares: global flags, the connection, printing, questions, interruption, and
 * one way to fail. A command parses, calls, and returns what it printed.
 */

import type {Interfaces} from '@oclif/core'
import {Command} from '@oclif/core/command'
import type {ClusterClient} from '../client/cluster-client.js'
import {RaftctlError} from '../errors.js'
import {parseDuration} from './duration.js'
import {renderFailure, toRaftctlError} from './failure.js'
import type {Format} from './format.js'
import {wantsJson} from './format.js'
import type {GlobalFlags} from './global-flags.js'
import {globalFlags} from './global-flags.js'
import type {Printed, Result, View} from './output.js'
import {complete, render} from './output.js'
import type {Progress} from './progress.js'
import {lineProgress, SILENT, startProgress} from './progress.js'
import type {Asker} from './questions.js'
import type {RecordView} from './records.js'
import {writeRecords} from './records.js'
import {securityFrom} from './security-flags.js'
import {StandardOutput} from './standard-output.js'
import type {Target} from './target.js'
import {resolveTarget} from './target.js'
import type {Terminal} from './terminal.js'
import {terminalOf} from './terminal.js'

export * as Args from '@oclif/core/args'
export * as Flags from '@oclif/core/flags'

const TIMEOUT_MS_DEFAULT = 10_000
const INTERRUPT_GRACE_MS = 500

export abstract class BaseCommand extends Command {
  static override baseFlags = globalFlags

  /** Milliseconds without --timeout; undefined: no limit (waits, catch-up, save, streams). */
  static timeoutMsDefault: number | undefined = TIMEOUT_MS_DEFAULT
  /** How long a command may take to undo its own work after Ctrl-C. */
  static interruptGraceMs = INTERRUPT_GRACE_MS

  readonly terminal: Terminal = terminalOf({
    env: process.env,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
  })
  protected readonly env: Readonly<Record<string, string | undefined>> = process.env

  private globals: GlobalFlags | undefined
  private timeout: number | undefined
  private client: Promise<ClusterClient> | undefined
  private targeted: Promise<Target> | undefined
  private readonly printing: Promise<unknown>[] = []
  private readonly standardOutput = new StandardOutput(process.stdout)
  private readonly aborter = new AbortController()
  private interruption: {readonly error: RaftctlError; readonly exit: number} | undefined
  private graceTimer: NodeJS.Timeout | undefined
  private endsWell: (() => void) | undefined
  private stopping = false
  private sentChange: string | undefined
  private readonly progresses = new Set<Progress>()

  /** Aborted by Ctrl-C and SIGTERM; pass it to whatever waits. */
  protected get signal(): AbortSignal {
    return this.aborter.signal
  }

  /** Milliseconds a call may take; undefined: no limit. Valid after `parse`. */
  protected get timeoutMs(): number | undefined {
    return this.timeout
  }

  protected get format(): Format {
    if (this.globals === undefined) return wantsJson(this.argv) ? 'json' : 'table'
    return this.globals.json ? 'json' : (this.globals.output ?? 'table')
  }

  /** Ids only. */
  protected get quiet(): boolean {
    return this.globals?.quiet ?? false
  }

  /** What is printed is for somebody to read. */
  protected get forPeople(): boolean {
    return !this.quiet && (this.format === 'table' || this.format === 'wide')
  }

  protected get verbose(): boolean {
    return this.globals?.verbose ?? this.argv.includes('--verbose')
  }

  /** What --yes answers. */
  protected get agreed(): boolean {
    return this.globals?.yes ?? false
  }

  /** The current context, or the endpoints given; see `resolveTarget` for its errors. */
  protected target(): Promise<Target> {
    this.targeted ??= resolveTarget({
      endpointFlags: this.globals?.endpoint ?? [],
      // oclif fills the flag from its variable; only what was typed outranks RAFTCTL_ENDPOINTS.
      contextFlag: this.typedContext() ? this.globals?.context : undefined,
      security: securityFrom(this.globals ?? {}),
      env: this.env,
    })
    return this.targeted
  }

  /** One client per command, opened at the first call and closed at the end. */
  protected connect(): Promise<ClusterClient> {
    this.client ??= this.openClient(this.signal)
    return this.client
  }

  /** Local clusters of this machine. */
  protected localClusters() {
    return import('../cluster/index.js')
  }

  /**
   * Prints a result as the flags ask, and answers it as --json shows it. Nothing is printed once
   * standard output has been closed by its reader.
   */
  protected print<R extends Result>(
    result: R,
    view: View | (() => View) = {},
  ): Promise<Printed<R>> {
    const printed = complete(result)
    const shown = typeof view === 'function' ? view() : view
    const task = render(printed, shown, this.manner).then(async text => {
      await this.standardOutput.write(text)
      if (this.format !== 'json') {
        for (const warning of printed.warnings) this.note(`warning: ${warning}`)
      }
      return printed
    })
    this.printing.push(task)
    // A command that does not wait for its output still fails with it, in `finally`.
    task.catch(() => {})
    return task
  }

  /** Prints a stream: NDJSON, rows, or ids; answers how many were printed. */
  protected records<T>(
    source: AsyncIterable<T | readonly T[]>,
    view: RecordView<T>,
  ): Promise<number> {
    return writeRecords(source, view, this.manner, this.standardOutput)
  }

  /** Raw text or bytes for standard output (a value alone); false once its reader has gone. */
  protected write(data: string | Uint8Array): Promise<boolean> {
    return this.standardOutput.write(data)
  }

  /** A line for the person, on standard error. */
  protected note(text: string): void {
    if (!this.quiet) process.stderr.write(`${text}\n`)
  }

  /** Something to look at while waiting; ends by itself with the command. */
  protected async progress(text: string): Promise<Progress> {
    if (this.quiet || this.format === 'json') return SILENT
    if (!this.terminal.showsProgress) {
      return this.verbose ? lineProgress(line => this.note(line)) : SILENT
    }
    const progress = await startProgress(text, this.terminal)
    this.progresses.add(progress)
    return progress
  }

  /**
   * Goes on only if the person agrees, or said --yes. RAFTCTL_USAGE where nobody can be asked;
   * RAFTCTL_INTERRUPTED when the answer is no.
   */
  protected async confirm(message: string, {initial = false} = {}): Promise<void> {
    if (this.agreed) return
    const asker = await this.asker(message)
    if (await asker.confirm(message, initial)) return
    throw new RaftctlError('RAFTCTL_INTERRUPTED', 'you said no; nothing was changed')
  }

  /** Whom to ask; RAFTCTL_USAGE, with the first question, where nobody can be asked. */
  protected async asker(question: string): Promise<Asker> {
    const {asker, nobodyToAsk} = await import('./prompts.js')
    if (!this.terminal.asks) throw nobodyToAsk(question)
    return asker(this.terminal)
  }

  /** From here on an interruption can't promise that nothing changed; says how to look. */
  protected changeSent(howToCheck: string): void {
    this.sentChange = howToCheck
  }

  protected override async init(): Promise<void> {
    await super.init()
    process.on('SIGINT', this.onSigint)
    process.on('SIGTERM', this.onSigterm)
    process.on('SIGHUP', this.onSighup)
  }

  protected override async parse<
    F extends Interfaces.OutputFlags<Interfaces.FlagInput>,
    B extends Interfaces.OutputFlags<Interfaces.FlagInput>,
    A extends Interfaces.OutputArgs<Interfaces.ArgInput>,
  >(
    options?: Interfaces.Input<F, B, A>,
    argv?: string[],
  ): Promise<Interfaces.ParserOutput<F, B, A>> {
    const given = options ?? (this.ctor as unknown as Interfaces.Input<F, B, A>)
    // Spreading a class leaves out what it inherits.
    const {flags, baseFlags, strict} = given
    const args = withoutStdin(given.args)
    const parsed = await super.parse<F, B, A>({...given, flags, baseFlags, strict, args}, argv)
    this.globals = parsed.flags as unknown as GlobalFlags
    const {timeout} = this.globals
    this.timeout = timeout
      ? parseDuration(timeout)
      : (this.constructor as typeof BaseCommand).timeoutMsDefault
    return parsed
  }

  protected override async catch(error: Error & {exitCode?: number}): Promise<void> {
    // Otherwise oclif adds a warning of its own below ours where NODE_ENV is "test".
    this.parsed = true
    if (this.standardOutput.closed && isClosedPipe(error)) return
    const exit = exitOf(error)
    if (exit !== undefined && this.interruption === undefined) {
      process.exitCode = exit
      return
    }
    const interruption = this.interruption
    this.fail(
      interruption?.error ?? toRaftctlError(error, this.id?.replaceAll(':', ' ')),
      interruption?.exit,
    )
  }

  protected override async finally(error: Error | undefined): Promise<void> {
    for (const progress of this.progresses) progress.done()
    process.off('SIGINT', this.onSigint)
    process.off('SIGTERM', this.onSigterm)
    process.off('SIGHUP', this.onSighup)
    const prints = await Promise.allSettled(this.printing)
    const client = await this.client?.catch(() => undefined)
    await client?.close()
    const lost = prints.find(print => print.status === 'rejected')
    if (lost && error === undefined) await this.catch(lost.reason)
  }

  /**
   * For work that goes on until it is told to end: from now on Ctrl-C and SIGTERM are a good end.
   * Resolves at the first of them; a second one ends the process at once.
   */
  protected stopSignal(): Promise<void> {
    return new Promise(resolve => {
      this.endsWell = resolve
    })
  }

  private readonly onSigint = () => this.interrupt('interrupted', 130)
  private readonly onSigterm = () => this.interrupt('terminated', 143)
  /** The terminal was closed. */
  private readonly onSighup = () => this.interrupt('terminated', 129)

  private interrupt(message: string, exit: number): void {
    // The second time means "now".
    if (this.interruption || this.stopping) process.exit(exit)
    if (this.endsWell) {
      this.stopping = true
      this.endsWell()
      return
    }
    const error = new RaftctlError('RAFTCTL_INTERRUPTED', this.interruptedSentence(message), {
      hint: this.sentChange,
      details: {changeSent: this.sentChange !== undefined},
    })
    this.interruption = {error, exit}
    this.aborter.abort(error)
    this.graceTimer = setTimeout(
      () => {
        this.fail(error, exit)
        process.exit(exit)
      },
      (this.constructor as typeof BaseCommand).interruptGraceMs,
    )
    this.graceTimer.unref()
  }

  /**
   * After an interruption: looks at what it left behind, with a connection of its own, for as long as
   * that takes. What `look` answers is said in the end instead of the usual sentence; `asks`: a person
   * is there, who pressed Ctrl-C. A second interruption ends the process at once.
   */
  protected async afterInterruption(
    look: (client: ClusterClient, asks: boolean) => Promise<RaftctlError | undefined>,
  ): Promise<void> {
    const {interruption} = this
    if (interruption === undefined) return
    clearTimeout(this.graceTimer)
    for (const progress of this.progresses) progress.done()
    const client = await this.openClient(undefined)
    try {
      const asks = this.terminal.asks && interruption.exit === 130
      const error = await look(client, asks)
      if (error !== undefined) this.interruption = {...interruption, error}
    } catch {
      // What can't be looked at is told as ever: a change was sent, and how to check.
    } finally {
      client.close()
    }
  }

  private interruptedSentence(message: string): string {
    if (this.sentChange === undefined) return message
    return `${message}; a change was already sent and may take effect`
  }

  private fail(error: RaftctlError, exit = error.spec.exit): void {
    for (const progress of this.progresses) progress.fail()
    process.stderr.write(
      renderFailure(error, {
        json: this.format === 'json',
        verbose: this.verbose || this.env.DEBUG !== undefined,
        colour: this.terminal.colour && process.stderr.isTTY === true,
        exit,
      }),
    )
    process.exitCode = exit
  }

  private async openClient(signal: AbortSignal | undefined): Promise<ClusterClient> {
    const target = await this.target()
    const {ClusterClient} = await import('../client/cluster-client.js')
    return new ClusterClient({
      endpoints: target.endpoints,
      clusterId: target.clusterId,
      security: target.security,
      // A command without a limit still wants each of its calls to end.
      timeoutMs: this.timeoutMs ?? TIMEOUT_MS_DEFAULT,
      signal,
    })
  }

  private get manner() {
    return {format: this.format, quiet: this.quiet, terminal: this.terminal}
  }

  private typedContext(): boolean {
    return this.argv.some(word => word === '--context' || word.startsWith('--context='))
  }
}

/** oclif fills a missing argument from a pipe; here standard input belongs to the command. */
function withoutStdin<A>(args: A): A {
  if (args === undefined || args === null) return args
  return Object.fromEntries(
    Object.entries(args).map(([name, arg]) => [name, {...(arg as object), ignoreStdin: true}]),
  ) as A
}

function exitOf(error: Error & {code?: unknown; oclif?: {exit?: number}}): number | undefined {
  return error.code === 'EEXIT' ? (error.oclif?.exit ?? 0) : undefined
}

function isClosedPipe(error: Error & {code?: unknown}): boolean {
  return error.code === 'EPIPE'
}
