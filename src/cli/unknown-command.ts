/** A command that does not exist: what was typed, and what was probably meant. */
import {RaftctlError} from '../errors.js'
import {wantsJson} from './format.js'
import {readManifest} from './read-manifest.js'

const SUGGESTIONS_MAX = 3
const ASKS_ELSE: ReadonlySet<string> = new Set(['--help', '-h', '--version'])

/** undefined for any other failure before a command began. */
export function unknownCommand(error: unknown, argv: readonly string[]): RaftctlError | undefined {
  if (!(error instanceof Error) || !/^command .* not found\.?$/is.test(error.message))
    return undefined
  const words = argv[0] === 'help' ? argv.slice(1) : argv
  const flag = words.findIndex(word => word.startsWith('-'))
  const typed = flag === -1 ? words : words.slice(0, flag)
  const ids = Object.entries(readManifest().commands)
    .filter(([, {hidden}]) => hidden !== true)
    .map(([id]) => id.split(':'))
  const meant = suggestions(typed, ids).map(words => `"raftctl ${words.join(' ')}"`)
  const what =
    typed.length === 0
      ? `there is no command "${argv[0]}"`
      : `there is no command "${typed.join(' ')}"`
  return new RaftctlError('RAFTCTL_USAGE', what, {
    hint:
      meant.length === 0
        ? 'Run "raftctl --help" to see the commands.'
        : `Did you mean ${meant.join(' or ')}?`,
    details: {suggestions: meant.map(text => text.slice(1, -1))},
    cause: error,
  })
}

/**
 * Whoever asks for JSON is a script, and the help of a topic is no answer to it; undefined where a
 * command is named, or help is what was asked for.
 */
export function missingCommand(argv: readonly string[]): RaftctlError | undefined {
  if (!wantsJson(argv) || argv.some(word => ASKS_ELSE.has(word))) return undefined
  const flag = argv.findIndex(word => word.startsWith('-'))
  const words = flag === -1 ? argv : argv.slice(0, flag)
  // A flag in the place of a command is told by its name, unless it is the one that asks for JSON.
  if (words.length > 1 || (words.length === 0 && !/^(?:--json|-o|--output)/.test(argv[0]!))) {
    return undefined
  }
  const ids = Object.keys(readManifest().commands)
  const [topic] = words
  const verbs = ids.filter(id => topic === undefined || id.startsWith(`${topic}:`))
  if (verbs.length === 0 || (topic !== undefined && ids.includes(topic))) return undefined
  const help = topic === undefined ? 'raftctl --help' : `raftctl ${topic} --help`
  return new RaftctlError('RAFTCTL_USAGE', 'a command is missing', {
    hint: `Run "${help}" to see the commands.`,
  })
}

/** Commands that are spelt almost so, or whose last word it is; the nearest first. */
export function suggestions(
  typed: readonly string[],
  commands: readonly (readonly string[])[],
): (readonly string[])[] {
  if (typed.length === 0) return []
  return commands
    .map(words => ({words, far: distanceTo(words, typed)}))
    .filter(({far}) => far !== undefined)
    .sort((a, b) => a.far! - b.far!)
    .slice(0, SUGGESTIONS_MAX)
    .map(({words}) => words)
}

/** undefined: something else. Arguments may stand behind the words of a command. */
function distanceTo(words: readonly string[], typed: readonly string[]): number | undefined {
  // A verb without its topic, such as "put" for "kv put".
  if (words.length === 2 && words[1] === typed[0]) return 0
  if (words.length > typed.length) return undefined
  let sum = 0
  for (const [at, word] of words.entries()) {
    const far = editsBetween(word, typed[at]!)
    if (far > Math.max(1, Math.floor(word.length / 3))) return undefined
    sum += far
  }
  return sum
}

/** Letters to add, leave out, replace or swap with their neighbour. */
export function editsBetween(a: string, b: string): number {
  const rows = [Array.from({length: b.length + 1}, (_, j) => j)]
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      row[j] = Math.min(
        rows[i - 1]![j]! + 1,
        row[j - 1]! + 1,
        rows[i - 1]![j - 1]! + (same ? 0 : 1),
        swapped ? rows[i - 2]![j - 2]! + 1 : Number.POSITIVE_INFINITY,
      )
    }
    rows.push(row)
  }
  return rows[a.length]![b.length]!
}
