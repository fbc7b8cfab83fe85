/** Which of the output formats a command line asks for. */
export type Format = 'table' | 'wide' | 'json' | 'yaml'

export const FORMATS: readonly Format[] = ['table', 'wide', 'json', 'yaml']

/**
 * Whether the arguments ask for JSON, decided without the parser: an error of the parser itself has
 * to be printed in the format that was asked for. What follows a bare "--" is no flag.
 */
export function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  const flags = end === -1 ? argv : argv.slice(0, end)
  return flags.some(
    (flag, i) =>
      flag === '--json' ||
      flag === '--output=json' ||
      flag === '-ojson' ||
      flag === '-o=json' ||
      ((flag === '-o' || flag === '--output') && flags[i + 1] === 'json'),
  )
}
