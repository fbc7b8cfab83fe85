/** Results that flow: one JSON object or one row at a time, at the reader's pace. */

import type {Cell, Column} from './cells.js'
import {cellText, printable} from './cells.js'
import type {Format} from './format.js'
import {toJson} from './output.js'
import type {Terminal} from './terminal.js'

export interface RecordView<T> {
  /** The kind of each JSON object, such as LogEntry. */
  readonly kind: string
  readonly columns: readonly Column[]
  readonly row: (item: T) => readonly Cell[]
  /** The fields of the JSON object. */
  readonly json: (item: T) => Readonly<Record<string, unknown>>
  /** The lines of many at once, where one by one would take too long. */
  readonly jsonPage?: (items: readonly T[]) => Uint8Array
  /** What -q prints. */
  readonly id?: (item: T) => Cell
}

export interface Sink {
  /** Resolves when more may be written; false once the reader has gone away. */
  write(text: string | Uint8Array): Promise<boolean>
}

export interface RecordManner {
  readonly format: Format
  readonly quiet: boolean
  readonly terminal: Terminal
}

const CHUNK_CHARS = 64 * 1024
const STREAM_COLUMN_WIDTH = 12

/**
 * Writes every record and answers how many; a source of millions gives them by the array, as each
 * step of an asynchronous loop costs more than a line. A reader that goes away (`| head`) ends the source and
 * is no failure. What was written before a source fails stays written.
 */
export async function writeRecords<T>(
  source: AsyncIterable<T | readonly T[]>,
  view: RecordView<T>,
  manner: RecordManner,
  sink: Sink,
): Promise<number> {
  const lineOf = liner(view, manner)
  // With the first record, not before: a source that fails at once prints nothing.
  const head = header(view, manner)
  const jsonPage = manner.format === 'json' && !manner.quiet ? view.jsonPage : undefined
  let count = 0
  let pending = ''
  let turn = 0
  // Noticed between two records too: a slow source would otherwise go on for a reader that left.
  const parts = leavable(source)

  // At a terminal each record shows at once. Elsewhere what arrived together is written together,
  // and never held back for longer than a turn of the event loop.
  let flushing: Promise<boolean> = Promise.resolve(true)
  const flush = () => {
    if (pending === '') return flushing
    const text = pending
    pending = ''
    flushing = flushing.then(open => open && sink.write(text))
    return flushing
  }

  try {
    for await (const part of parts) {
      const items = (Array.isArray(part) ? part : [part]) as readonly T[]
      if (jsonPage !== undefined) {
        count += items.length
        if (!(await sink.write(jsonPage(items)))) break
        continue
      }
      for (const item of items) {
        pending += count === 0 ? head + lineOf(item) : lineOf(item)
        count += 1
      }
      if (pending.length >= CHUNK_CHARS) {
        if (!(await flush())) break
      } else if (turn === 0) {
        turn = 1
        setImmediate(() => {
          turn = 0
          // A failed write is met again by the flush at the end.
          flush().then(
            open => {
              if (!open) parts.leave()
            },
            () => {},
          )
        })
      }
      if (manner.terminal.drawsTables && !(await flush())) break
    }
    if (count === 0) pending = head
  } finally {
    await flush()
  }
  return count
}

/** A source whose reader may leave at any time, also while it waits for what may never come. */
function leavable<T>(source: AsyncIterable<T>): AsyncIterable<T> & {leave(): void} {
  const iterator = source[Symbol.asyncIterator]()
  const end = {done: true, value: undefined} as const
  let left = false
  let wake = () => {}
  const next = () =>
    new Promise<IteratorResult<T>>((resolve, reject) => {
      if (left) return resolve(end)
      wake = () => resolve(end)
      iterator.next().then(resolve, reject)
    })
  const close = async () => {
    await iterator.return?.()
    return end
  }
  return {
    [Symbol.asyncIterator]: () => ({next, return: close}),
    leave: () => {
      left = true
      // Not waited for: it ends only once what the source waits for has come.
      close().catch(() => {})
      wake()
    },
  }
}

function header<T>(view: RecordView<T>, manner: RecordManner): string {
  if (manner.quiet || manner.format === 'json' || manner.format === 'yaml') return ''
  const columns = shownColumns(view, manner)
  const titles = columns.map(({column}) => column.title)
  if (!manner.terminal.drawsTables) return `${titles.join('\t')}\n`
  return `${padded(
    columns.map(({column}) => column),
    titles.map(title => title.toUpperCase()),
    manner.terminal.columns,
  )}\n`
}

function liner<T>(view: RecordView<T>, manner: RecordManner): (item: T) => string {
  const {id} = view
  if (manner.quiet && id) return item => `${cellText(id(item))}\n`
  if (manner.format === 'json') {
    return item => `${toJson({apiVersion: 'raftctl/v1', kind: view.kind, ...view.json(item)})}\n`
  }
  if (manner.format === 'yaml') {
    return item =>
      `---\n${toJson({apiVersion: 'raftctl/v1', kind: view.kind, ...view.json(item)})}\n`
  }
  const shown = shownColumns(view, manner)
  const columns = shown.map(({column}) => column)
  return item => {
    const row = view.row(item)
    const cells = shown.map(({at}) => printable(cellText(row[at])))
    if (!manner.terminal.drawsTables) return `${cells.join('\t')}\n`
    return `${padded(columns, cells, manner.terminal.columns)}\n`
  }
}

function shownColumns<T>(view: RecordView<T>, manner: RecordManner) {
  return view.columns
    .map((column, at) => ({column, at}))
    .filter(({column}) => manner.format === 'wide' || !column.wide)
}

function padded(columns: readonly Column[], cells: readonly string[], total: number): string {
  const line = columns
    .map((column, i) => {
      const width = column.width ?? Math.max(STREAM_COLUMN_WIDTH, column.title.length)
      const cell = cells[i] ?? ''
      return column.align === 'right' ? cell.padStart(width) : cell.padEnd(width)
    })
    .join('  ')
    .trimEnd()
  const mayCut = columns.at(-1)?.cut === true
  return mayCut && line.length > total ? `${line.slice(0, Math.max(1, total - 1))}…` : line
}
