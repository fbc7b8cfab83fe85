/** The built CLI in a pseudo-terminal: keys go in, and what a person would see comes out. */
import {spawn} from '@lydell/node-pty'
import headless from '@xterm/headless'
import {program} from './shell.js'

export interface TerminalOptions {
  readonly columns?: number
  readonly rows?: number
  /** Over those of a colour terminal; undefined takes one away. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

export interface TestTerminal {
  readonly pid: number
  /** The rows that are visible, without the blanks at their ends. */
  screen(): string
  /** Everything that was ever written, control codes included. */
  raw(): string
  /** Whether any visible character has a colour. */
  coloured(): boolean
  /** The alternate screen is up. */
  alternate(): boolean
  cursorHidden(): boolean
  type(keys: string): void
  resize(columns: number, rows: number): void
  /** Resolves with the screen once it holds `what`; rejects with the screen after `withinMs`. */
  until(what: string | RegExp, withinMs?: number): Promise<string>
  /** Resolves when the process has ended and its last words are on the screen. */
  ended(withinMs?: number): Promise<{readonly status: number; readonly screen: string}>
  /** Kills what still runs. */
  end(): Promise<void>
}

export const KEYS = {
  enter: '\r',
  up: '\u001b[A',
  down: '\u001b[B',
  right: '\u001b[C',
  left: '\u001b[D',
  ctrlC: '\u0003',
  ctrlU: '\u0015',
} as const

const WITHIN_MS = 15_000

/** Runs `raftctl ARGS` in `home`, at a terminal of 80 columns and 24 rows unless told otherwise. */
export function openTerminal(
  {home}: {readonly home: string},
  args: readonly string[],
  {columns = 80, rows = 24, env = {}}: TerminalOptions = {},
): TestTerminal {
  const shown = new headless.Terminal({cols: columns, rows, allowProposedApi: true})
  const child = spawn(process.execPath, [program, ...args], {
    cols: columns,
    rows,
    cwd: home,
    env: surroundings({...defaults(home), ...env}),
  })
  let raw = ''
  let ended: {status: number} | undefined
  const waiting = new Set<() => void>()
  const look = () => {
    for (const wake of waiting) wake()
  }
  child.onData(data => {
    raw += data
    shown.write(data, look)
  })
  child.onExit(({exitCode, signal}) => {
    // As a shell would say it.
    const status = signal ? 128 + signal : exitCode
    shown.write('', () => {
      ended = {status}
      look()
    })
  })

  const screen = () => visible(shown)
  const when = <T>(found: () => T | undefined, what: string, withinMs = WITHIN_MS): Promise<T> =>
    new Promise((resolve, reject) => {
      const settle = () => {
        const value = found()
        if (value === undefined && ended === undefined) return
        waiting.delete(settle)
        clearTimeout(timer)
        if (value !== undefined) resolve(value)
        else reject(new Error(`it ended with ${ended?.status} before ${what}:\n${screen()}`))
      }
      const timer = setTimeout(() => {
        waiting.delete(settle)
        reject(new Error(`not within ${withinMs} ms: ${what}; the screen is:\n${screen()}`))
      }, withinMs)
      waiting.add(settle)
      settle()
    })

  return {
    pid: child.pid,
    screen,
    raw: () => raw,
    coloured: () => cells(shown).some(cell => !cell.isFgDefault()),
    alternate: () => shown.buffer.active.type === 'alternate',
    cursorHidden: () => raw.lastIndexOf('\u001b[?25l') > raw.lastIndexOf('\u001b[?25h'),
    type: keys => child.write(keys),
    resize: (cols, lines) => {
      shown.resize(cols, lines)
      child.resize(cols, lines)
    },
    until: (what, withinMs) =>
      when(
        () => {
          const now = screen()
          const there = typeof what === 'string' ? now.includes(what) : what.test(now)
          return there ? now : undefined
        },
        String(what),
        withinMs,
      ),
    ended: withinMs =>
      when(() => (ended ? {...ended, screen: screen()} : undefined), 'the end', withinMs),
    end: async () => {
      if (ended === undefined) child.kill('SIGKILL')
      await when(() => ended, 'the end')
      shown.dispose()
    },
  }
}

/** Whatever happens, the process is gone afterwards. */
export async function withTerminal(
  home: {readonly home: string},
  args: readonly string[],
  options: TerminalOptions,
  use: (terminal: TestTerminal) => Promise<void>,
): Promise<void> {
  const terminal = openTerminal(home, args, options)
  try {
    await use(terminal)
  } finally {
    await terminal.end()
  }
}

function defaults(home: string): Record<string, string | undefined> {
  return {PATH: process.env.PATH, HOME: home, LC_ALL: 'C.UTF-8', TERM: 'xterm-256color'}
}

function surroundings(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter((pair): pair is [string, string] => pair[1] !== undefined),
  )
}

function visible({buffer, rows}: headless.Terminal): string {
  const {active} = buffer
  const lines = Array.from(
    {length: rows},
    (_, row) => active.getLine(active.viewportY + row)?.translateToString(true) ?? '',
  )
  return lines.join('\n').trimEnd()
}

function cells({buffer, rows, cols}: headless.Terminal) {
  const {active} = buffer
  return Array.from({length: rows * cols}, (_, at) =>
    active.getLine(active.viewportY + Math.floor(at / cols))?.getCell(at % cols),
  ).filter(cell => cell !== undefined)
}
