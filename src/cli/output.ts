/** Turning what a command returns into text: JSON, YAML, a drawn table, or tabs for a pipe. */
import type {Cell, Table} from './cells.js'
import {cellText, printable} from './cells.js'
import type {Format} from './format.js'
import type {Terminal} from './terminal.js'

export type {Cell, Column, Table} from './cells.js'

/** What a command returns; `print` completes it with apiVersion and warnings. */
export interface Result {
  /** The name of the object, such as MemberList. */
  readonly kind: string
  readonly warnings?: readonly string[]
}

export type Printed<R extends Result> = R & {
  readonly apiVersion: 'raftctl/v1'
  readonly warnings: readonly string[]
}

/** How a result looks to a person. */
export interface View {
  /** Printed above the table. */
  readonly lines?: readonly string[]
  readonly table?: Table
  /** What -q prints, one a line. */
  readonly ids?: readonly Cell[]
  /** Printed below the table. */
  readonly after?: readonly string[]
}

export interface Manner {
  readonly format: Format
  readonly quiet: boolean
  readonly terminal: Terminal
}

export function complete<R extends Result>(result: R): Printed<R> {
  const {kind, warnings, ...rest} = result
  return {apiVersion: 'raftctl/v1', kind, ...rest, warnings: warnings ?? []} as Printed<R>
}

export async function render(result: Result, view: View, manner: Manner): Promise<string> {
  if (manner.quiet && view.ids) return view.ids.map(id => `${cellText(id)}\n`).join('')
  if (manner.format === 'json') return `${toJson(result)}\n`
  if (manner.format === 'yaml') {
    const {toYaml} = await import('./yaml.js')
    return toYaml(JSON.parse(toJson(result)))
  }
  const parts = [...(view.lines ?? [])]
  if (view.table) parts.push(await renderTable(view.table, manner))
  parts.push(...(view.after ?? []))
  return parts.length === 0 ? '' : `${parts.join('\n')}\n`
}

/** One line. Unknown is null, never absent; a bigint beyond 2^53 is a string. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_, field: unknown) => {
    if (field === undefined) return null
    if (typeof field !== 'bigint') return field
    return field <= Number.MAX_SAFE_INTEGER && field >= Number.MIN_SAFE_INTEGER
      ? Number(field)
      : field.toString()
  })
}

export async function renderTable(table: Table, manner: Manner): Promise<string> {
  const shown = visible(table, manner.format === 'wide')
  if (!manner.terminal.drawsTables) return renderTabs(shown)
  const {drawTable} = await import('./table.js')
  return drawTable(shown, manner.terminal)
}

/** For pipes: a header and rows, separated by tabs, uncut. */
export function renderTabs(table: Table): string {
  const header = table.columns.map(column => column.title)
  return [header, ...table.rows]
    .map(row => row.map(cell => printable(cellText(cell))).join('\t'))
    .join('\n')
}

function visible(table: Table, wide: boolean): Table {
  if (wide || !table.columns.some(column => column.wide)) return table
  const keep = table.columns.map(column => !column.wide)
  return {
    columns: table.columns.filter((_, i) => keep[i]),
    rows: table.rows.map(row => row.filter((_, i) => keep[i])),
  }
}
