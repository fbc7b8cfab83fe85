/** Tables at a terminal, fitted to its width. Loaded only when one is drawn. */
import Drawn from 'cli-table3'
import type {Column, Table} from './cells.js'
import {cellText, printable} from './cells.js'
import type {Terminal} from './terminal.js'

const GAP = '  '
const CUT_MIN = 8

const NO_BORDERS = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: GAP,
}

export function drawTable(table: Table, terminal: Terminal): string {
  const rows = table.rows.map(row => row.map(cell => printable(cellText(cell))))
  const widths = widthsFor(table.columns, rows, terminal.columns)
  const drawn = new Drawn({
    head: table.columns.map(column => column.title.toUpperCase()),
    colAligns: table.columns.map(column => column.align ?? 'left'),
    colWidths: widths,
    chars: NO_BORDERS,
    style: {
      head: terminal.colour ? ['bold'] : [],
      border: [],
      'padding-left': 0,
      'padding-right': 0,
      compact: true,
    },
    truncate: '…',
  })
  drawn.push(...rows)
  // Trailing blanks wrap in a narrow terminal and are noise in a copied screen.
  return drawn
    .toString()
    .split('\n')
    .map(line => line.trimEnd())
    .join('\n')
}

/** Widths that show everything, then narrowed in the columns that may be cut, widest first. */
function widthsFor(columns: readonly Column[], rows: readonly string[][], total: number): number[] {
  const widths = columns.map((column, i) =>
    Math.max(column.title.length, ...rows.map(row => width(row[i] ?? ''))),
  )
  const gaps = GAP.length * (columns.length - 1)
  for (;;) {
    const over = widths.reduce((sum, w) => sum + w, gaps) - total
    if (over <= 0) return widths
    const widest = columns.reduce(
      (best, column, i) =>
        column.cut && widths[i]! > CUT_MIN && (best === -1 || widths[i]! > widths[best]!)
          ? i
          : best,
      -1,
    )
    if (widest === -1) return widths
    widths[widest] = Math.max(CUT_MIN, widths[widest]! - over)
  }
}

function width(text: string): number {
  return [...text].length
}
