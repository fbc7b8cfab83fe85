/** What the two ends of the shell can show, from the streams and the usual environment variables. */
export interface Terminal {
  /** Standard output is a terminal: tables are drawn and fitted to its width. */
  readonly drawsTables: boolean
  /** Standard error is a terminal that understands control codes: progress may move. */
  readonly showsProgress: boolean
  /** Both ends are a terminal: questions may be asked. */
  readonly asks: boolean
  /** It understands control codes: what is on the screen can be drawn anew. */
  readonly movesCursor: boolean
  /** A whole screen can be drawn, and keys be read. */
  readonly drawsScreens: boolean
  /** Columns to fit a drawn table into. */
  readonly columns: number
  readonly colour: boolean
}

interface Stream {
  readonly isTTY?: boolean
  readonly columns?: number
}

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdin: Stream
  readonly stdout: Stream
  readonly stderr: Stream
}

const COLUMNS_DEFAULT = 80

export function terminalOf({env, stdin, stdout, stderr}: Surroundings): Terminal {
  const dumb = env.TERM === 'dumb'
  const ci = isSet(env.CI)
  return {
    drawsTables: stdout.isTTY === true,
    showsProgress: stderr.isTTY === true && !dumb && !ci,
    asks: stdin.isTTY === true && stderr.isTTY === true && !ci,
    movesCursor: !dumb,
    drawsScreens: stdin.isTTY === true && stdout.isTTY === true && !dumb,
    columns: columnsOf(env.COLUMNS, stdout.columns),
    colour: coloured(env, stdout.isTTY === true && !dumb),
  }
}

/** https://no-color.org: any non-empty value turns colour off; FORCE_COLOR decides before it. */
function coloured(env: Surroundings['env'], capable: boolean): boolean {
  const force = env.FORCE_COLOR
  if (force !== undefined) return force !== '0' && force !== 'false'
  if (isSet(env.NO_COLOR)) return false
  return capable
}

function columnsOf(variable: string | undefined, measured: number | undefined): number {
  const asked = /^\d{1,4}$/.test(variable ?? '') ? Number(variable) : 0
  return asked > 0 ? asked : (measured ?? COLUMNS_DEFAULT)
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '' && value !== '0' && value !== 'false'
}
