import {expect, test} from 'vitest'
import {formatDuration, parseDuration} from '../../src/cli/duration.js'

const durations = [
  {text: '500ms', ms: 500},
  {text: '10s', ms: 10_000},
  {text: '1.5s', ms: 1_500},
  {text: '5m', ms: 300_000},
  {text: '2h', ms: 7_200_000},
  {text: '1ms', ms: 1},
]

for (const {text, ms} of durations) {
  test(`${text} is ${ms} milliseconds`, () => {
    expect(parseDuration(text)).toBe(ms)
  })
}

for (const text of [
  '',
  '10',
  '0s',
  '-1s',
  '1d',
  '8h 1m',
  '1e3s',
  '169h',
  'NaNs',
  '0.0001s',
  '١s',
]) {
  test(`"${text}" is no duration, and the flag is named`, () => {
    expect(() => parseDuration(text, '--interval')).toThrow(
      expect.objectContaining({
        code: 'RAFTCTL_USAGE',
        message: `--interval ${text} is not a duration`,
      }),
    )
  })
}

const shown = [
  {ms: 0, text: '0 ms'},
  {ms: 999.4, text: '999 ms'},
  {ms: 1_500, text: '1.5 s'},
  {ms: 9_960, text: '10 s'},
  {ms: 60_000, text: '1 m'},
  {ms: 125_000, text: '2 m 5 s'},
  {ms: 10_920_000, text: '3 h 2 m'},
]

for (const {ms, text} of shown) {
  test(`${ms} milliseconds are shown as ${text}`, () => {
    expect(formatDuration(ms)).toBe(text)
  })
}
