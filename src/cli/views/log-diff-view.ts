import type {LogDiff, LogEnd} from '../../operator/log-diff.js'
import type {View} from '../output.js'

const MEANINGS: Readonly<Record<LogDiff['verdict'], string>> = {
  same: 'the same: nothing differs',
  behind: 'behind: one holds less, and nothing differs',
  'uncommitted-tail': 'uncommitted tail: they differ where nothing is committed yet',
  divergence: 'DIVERGENCE: they differ in what is committed',
}

export function logDiffView(diff: LogDiff): View {
  const {verdict, comparedFrom, comparedTo, differsAt, termA, termB} = diff
  return {
    lines: [
      MEANINGS[verdict],
      `compared  ${comparedFrom} to ${comparedTo}`,
      ...(differsAt === null
        ? []
        : [`differs at ${differsAt}: term ${termA} in a, term ${termB} in b`]),
      endLine('a', diff.a),
      endLine('b', diff.b),
    ],
    ids: [differsAt],
  }
}

function endLine(letter: string, {name, firstIndex, commitIndex, lastIndex}: LogEnd): string {
  return `${letter}  ${name}  entries ${firstIndex} to ${lastIndex}, committed to ${commitIndex}`
}
