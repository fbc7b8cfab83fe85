const BARS = '▁▂▃▄▅▆▇█'

/**
 * The newest `width` values as bars, the highest of them at full height, newest at the right; a blank
 * where a value is not known.
 */
export function sparkline(values: readonly (number | null)[], width: number): string {
  const shown = width > 0 ? values.slice(-width) : []
  const top = Math.max(0, ...shown.map(value => value ?? 0))
  const bars = shown.map(value => {
    if (value === null) return ' '
    const level = top === 0 ? 0 : Math.round((Math.max(0, value) / top) * (BARS.length - 1))
    return BARS[level]
  })
  return bars.join('').padStart(Math.max(0, width))
}
