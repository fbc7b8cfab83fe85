/** The way in from bin/run.js: runs oclif, and prints what goes wrong before a command exists. */
import type {Interfaces} from '@oclif/core'
import {renderFailure, toRaftctlError} from './failure.js'
import {wantsJson} from './format.js'
import {terminalOf} from './terminal.js'
import {missingCommand, unknownCommand} from './unknown-command.js'

/** Runs one command line and ends the process with its exit status. */
export async function start(
  argv: readonly string[],
  options: Interfaces.LoadOptions = import.meta.url,
): Promise<never> {
  const [first, second, ...typed] = argv
  if (first === 'completion' && second === 'words') {
    // Without oclif: a person waits for it at each press of a key.
    const {answerCompletion} = await import('./completion/answer.js')
    const words = typed[0] === '--' ? typed.slice(1) : typed
    await answerCompletion(words, process.env, text => process.stdout.write(text))
    process.exit()
  }
  const onBug = (error: unknown) => {
    failBeforeCommand(error, [...argv, '--verbose'])
    process.exit()
  }
  process.on('uncaughtException', onBug)
  process.on('unhandledRejection', onBug)
  try {
    const missing = missingCommand(argv)
    if (missing !== undefined) throw missing
    const {run} = await import('./oclif.js')
    await run(first === 'help' ? [...argv.slice(1), '--help'] : [...argv], options)
  } catch (error) {
    failBeforeCommand(error, argv)
  }
  // Standard output and error are written synchronously to files, pipes and terminals here, and
  // nothing that a library left open may keep a finished command alive.
  process.exit()
}

function failBeforeCommand(error: unknown, argv: readonly string[]): void {
  const exit = exitOf(error)
  if (exit !== undefined) {
    process.exitCode = exit
    return
  }
  const failure = unknownCommand(error, argv) ?? toRaftctlError(error)
  process.exitCode = failure.spec.exit
  const {env, stdin, stdout, stderr} = process
  process.stderr.write(
    renderFailure(failure, {
      json: wantsJson(argv),
      verbose: argv.includes('--verbose') || env.DEBUG !== undefined,
      colour: terminalOf({env, stdin, stdout, stderr}).colour && stderr.isTTY === true,
    }),
  )
}

/** oclif ends some runs, such as --help, by throwing. */
function exitOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('code' in error) || error.code !== 'EEXIT') return undefined
  const {oclif} = error as {oclif?: {exit?: number}}
  return oclif?.exit ?? 0
}
