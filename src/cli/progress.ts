/** What moves while a person waits; on standard error, at a terminal only. */
import type {Terminal} from './terminal.js'

export interface Progress {
  update(text: string): void
  /** Ends with a tick and a line; without a text the line disappears. */
  done(text?: string): void
  fail(text?: string): void
}

const SILENT: Progress = {update: () => {}, done: () => {}, fail: () => {}}

export async function startProgress(text: string, terminal: Terminal): Promise<Progress> {
  if (!terminal.showsProgress) return SILENT
  const {default: ora} = await import('ora')
  const spinner = ora({
    text,
    stream: process.stderr,
    // ora would otherwise take over standard input and swallow Ctrl-C.
    discardStdin: false,
    // Decided above; ora would decide anew by other rules.
    isEnabled: true,
    ...(terminal.colour ? {} : {color: false as const}),
  }).start()
  return {
    update: next => {
      spinner.text = next
    },
    done: last => {
      if (last === undefined) spinner.stop()
      else spinner.succeed(last)
    },
    fail: last => {
      if (last === undefined) spinner.stop()
      else spinner.fail(last)
    },
  }
}
