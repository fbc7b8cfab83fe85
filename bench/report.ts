/** How measurements are told: one JSON line a result on standard output, tables on standard error. */

export function result(fields: object): void {
  process.stdout.write(`${JSON.stringify(fields)}\n`)
}

export function note(text: string): void {
  process.stderr.write(`${text}\n`)
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const all = [head, ...rows]
  const widths = head.map((_, i) => Math.max(...all.map(row => row[i]!.length)))
  for (const row of all) {
    const cells = row.map((cell, i) =>
      i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!),
    )
    note(cells.join('  ').trimEnd())
  }
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}

export function round(value: number, digits = 2): number {
  return Number(value.toFixed(digits))
}
