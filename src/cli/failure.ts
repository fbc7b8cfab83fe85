/** Every way a command can end badly, as one RaftctlError and one way to print it. */
import {RaftctlError} from '../errors.js'
import {printable} from './cells.js'
import {readableStack} from './stack.js'

/** The last line on standard error under --json. Fields are only added. */
export interface FailureRecord {
  readonly apiVersion: 'raftctl/v1'
  readonly kind: 'Error'
  readonly code: string
  readonly exit: number
  readonly message: string
  readonly hint: string | null
  readonly retry: boolean
  readonly outcome: 'none' | 'unknown'
  readonly details: Readonly<Record<string, unknown>>
}

export interface FailureManner {
  readonly json: boolean
  /** Adds the stack of a bug, and the causes of a failure. */
  readonly verbose: boolean
  readonly colour: boolean
  /** Where it differs from the code's own: 143 for SIGTERM. */
  readonly exit?: number
}

/**
 * `commandId` is used in the hint for wrong usage, as the person types it ("kv put"). What no room
 * foresaw becomes RAFTCTL_UNEXPECTED, and keeps the original as its cause.
 */
export function toRaftctlError(error: unknown, commandId = ''): RaftctlError {
  if (error instanceof RaftctlError) return error
  if (!(error instanceof Error)) return unexpected(error)
  if (isInterruptedPrompt(error)) {
    return new RaftctlError('RAFTCTL_INTERRUPTED', 'interrupted', {cause: error})
  }
  if (isUsage(error)) {
    return new RaftctlError('RAFTCTL_USAGE', usageSentence(error.message), {
      hint: `Run "raftctl ${commandId === '' ? '' : `${commandId} `}--help" to see how it is used.`,
      cause: error,
    })
  }
  return fromSystem(error) ?? unexpected(error)
}

export function failureRecord(error: RaftctlError, exit = error.spec.exit): FailureRecord {
  return {
    apiVersion: 'raftctl/v1',
    kind: 'Error',
    code: error.code,
    exit,
    message: error.message,
    hint: error.hint ?? null,
    retry: error.spec.retry,
    outcome: error.details.changeSent === true ? 'unknown' : error.outcome,
    details: error.details,
  }
}

/** Lines for standard error, the JSON object last. */
export function renderFailure(
  error: RaftctlError,
  {json, verbose, colour, exit}: FailureManner,
): string {
  const lines: string[] = []
  if (verbose) lines.push(...causes(error))
  if (json) {
    lines.push(JSON.stringify(failureRecord(error, exit)))
  } else {
    const label = colour ? '\u001b[31merror:\u001b[39m' : 'error:'
    lines.push(`${label} ${printable(error.message)}`)
    if (error.hint !== undefined) {
      lines.push(`hint: ${error.hint.split('\n').map(printable).join('\n')}`)
    }
  }
  return `${lines.join('\n')}\n`
}

function causes(error: RaftctlError): string[] {
  const lines: string[] = []
  let cause: unknown = error.cause
  for (let depth = 0; cause instanceof Error && depth < 8; depth += 1) {
    lines.push(readableStack(cause.stack ?? cause.message))
    cause = cause.cause
  }
  return lines
}

function unexpected(error: unknown): RaftctlError {
  const message = error instanceof Error ? error.message : String(error)
  return new RaftctlError('RAFTCTL_UNEXPECTED', `unexpected failure: ${firstLine(message)}`, {
    hint: 'This is a defect of raftctl; run it again with --verbose to see where it came from.',
    cause: error,
  })
}

/** oclif's own errors: those of its parser, and the one for a command that does not exist. */
function isUsage(error: Error): boolean {
  return 'parse' in error || ('oclif' in error && !('code' in error && error.code === 'EEXIT'))
}

function usageSentence(message: string): string {
  const lines = message
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '' && !/^See more help with|^USAGE$/.test(line))
  return lines
    .slice(0, 4)
    .join(' ')
    .replace(/^The following errors? occurred: /, '')
    .replace(/ Note: --\S+ allows? multiple values.*$/, '')
    .replace(/^Parsing (--\S+) /, '$1: ')
}

function isInterruptedPrompt(error: Error): boolean {
  return error.name === 'ExitPromptError' || error.name === 'AbortPromptError'
}

function fromSystem(error: Error & {code?: unknown; path?: unknown}): RaftctlError | undefined {
  if (typeof error.code !== 'string' || !/^E[A-Z0-9]+$/.test(error.code)) return undefined
  const cause = error
  if (error.code === 'ENOSPC') {
    return new RaftctlError('RAFTCTL_DISK_FULL', `the disk is full: ${error.message}`, {
      hint: 'Free some space and run the command again.',
      cause,
    })
  }
  if (error.code === 'EACCES' || error.code === 'EPERM') {
    return new RaftctlError('RAFTCTL_INPUT_OUTPUT', `not permitted: ${error.message}`, {
      hint: `Check who owns ${typeof error.path === 'string' ? error.path : 'the file'}.`,
      cause,
    })
  }
  return new RaftctlError('RAFTCTL_INPUT_OUTPUT', error.message, {cause})
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? ''
}
