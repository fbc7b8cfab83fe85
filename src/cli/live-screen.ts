/** A screen that is drawn again and again: the alternate one, so that nothing of it stays behind. */

const ESCAPE = '\u001b'
const ENTER = '\u001b[?1049h\u001b[?25l'
const LEAVE = '\u001b[?25h\u001b[?1049l'
const HOME = '\u001b[H'
const REST_OF_LINE = '\u001b[K'
const REST_OF_SCREEN = '\u001b[J'
/** Keys that are pressed quickly arrive together. */
const KEYS = new RegExp(`${ESCAPE}[[O][A-Z]|[\\s\\S]`, 'g')

export interface ScreenSize {
  readonly columns: number
  readonly rows: number
}

export interface LiveScreen {
  size(): ScreenSize
  /** Lines that fit; what was there before is gone. */
  draw(lines: readonly string[]): void
  /** Gives the terminal back as it was. May be called again. */
  close(): void
}

export interface ScreenEvents {
  /** What the terminal sends for it: a letter, or an escape sequence. */
  readonly onKey: (key: string) => void
  readonly onResize: () => void
}

interface Streams {
  readonly stdin: NodeJS.ReadStream
  readonly stdout: NodeJS.WriteStream
}

/** Both must be terminals. It is given back too when the process ends without `close`. */
export function openScreen({stdin, stdout}: Streams, events: ScreenEvents): LiveScreen {
  let open = true
  const onData = (data: Buffer) => {
    for (const [key] of data.toString('latin1').matchAll(KEYS)) events.onKey(key)
  }
  const close = () => {
    if (!open) return
    open = false
    process.off('exit', close)
    stdout.off('resize', events.onResize)
    stdin.off('data', onData)
    stdin.pause()
    stdin.setRawMode(false)
    stdout.write(LEAVE)
  }
  process.on('exit', close)
  stdin.setRawMode(true)
  stdin.on('data', onData)
  stdout.on('resize', events.onResize)
  stdout.write(ENTER)
  return {
    size: () => ({columns: stdout.columns, rows: stdout.rows}),
    draw: lines => {
      if (!open) return
      const rows = lines.slice(0, stdout.rows).map(line => line + REST_OF_LINE)
      stdout.write(HOME + rows.join('\r\n') + REST_OF_SCREEN)
    },
    close,
  }
}
