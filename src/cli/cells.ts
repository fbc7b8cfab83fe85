/** The parts of a table, and one cell as text. */

/** undefined and null are shown as a dash. */
export type Cell = string | number | bigint | boolean | null | undefined

export interface Column {
  readonly title: string
  readonly align?: 'left' | 'right'
  /** Shown with -o wide only. */
  readonly wide?: boolean
  /** Characters, for streams, whose later rows are not known when the first is printed. */
  readonly width?: number
  /** May be cut to fit the terminal; nothing is ever cut in a pipe. */
  readonly cut?: boolean
}

export interface Table {
  readonly columns: readonly Column[]
  readonly rows: readonly (readonly Cell[])[]
}

export function cellText(cell: Cell): string {
  return cell === null || cell === undefined ? '-' : String(cell)
}

/**
 * Without what would move the cursor, colour the screen, turn the reading direction or break the
 * row: a stored value must not be able to drive the terminal of whoever looks at it.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu, character => {
    if (character === '\n') return '\\n'
    if (character === '\t') return '\\t'
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}
