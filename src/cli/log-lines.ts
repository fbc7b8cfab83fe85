/** A node's log, line by line: JSON where the node wrote it, plain words where something else did. */
export interface LogLine {
  readonly time: string | null
  readonly level: string | null
  readonly text: string
  readonly fields: Readonly<Record<string, unknown>>
}

export async function* parsedLines(lines: AsyncIterable<string>): AsyncGenerator<LogLine> {
  for await (const line of lines) if (line !== '') yield parseLine(line)
}

function parseLine(line: string): LogLine {
  const record = parseObject(line)
  if (record === undefined) return {time: null, level: null, text: line, fields: {text: line}}
  const {time, level, event, ...rest} = record
  const details = Object.entries(rest).map(([name, value]) => `${name}=${wordOf(value)}`)
  return {
    time: typeof time === 'string' ? time : null,
    level: typeof level === 'string' ? level : null,
    text: [String(event ?? ''), ...details].join(' '),
    fields: record,
  }
}

function wordOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function parseObject(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}
