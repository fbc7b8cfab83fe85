/** What moves while a person waits; on standard error, at a terminal only. */
import type {Terminal} from './terminal.js'

export interface Progress {
  /** A step: what is done from now on. */
  update(text: string): void
  /** Figures of a step, as often as they are known. */
  figures(text: string): void
  /** Ends with a tick and a line; without a text the line disappears. */
  done(text?: string): void
  fail(text?: string): void
}

const LINE_MS = 1000

export const SILENT: Progress = {
  update: () => {},
  figures: () => {},
  done: () => {},
  fail: () => {},
}

/** Where nothing can move: with --verbose a line a step, and one a second of its figures. */
export function lineProgress(write: (line: string) => void): Progress {
  let last = ''
  let figuresMs = Number.NEGATIVE_INFINITY
  const update = (text: string) => {
    if (text !== last) write(text)
    last = text
  }
  return {
    ...SILENT,
    update,
    figures: text => {
      if (performance.now() - figuresMs < LINE_MS) return
      figuresMs = performance.now()
      update(text)
    },
  }
}

export async function startProgress(text: string, terminal: Terminal): Promise<Progress> {
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
  const show = (next: string) => {
    spinner.text = next
  }
  return {
    update: show,
    figures: show,
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
