import {expect, test} from 'vitest'
import {editsBetween, suggestions} from '../../src/cli/unknown-command.js'

const commands = [
  ['status'],
  ['init'],
  ['member', 'list'],
  ['member', 'add'],
  ['cluster', 'list'],
  ['cluster', 'start'],
  ['kv', 'get'],
  ['kv', 'put'],
]

const cases: readonly (readonly [string, string[]])[] = [
  ['stauts', ['status']],
  ['statsu --x', ['status']],
  ['int', ['init']],
  ['mmeber lst', ['member list']],
  ['kv gte key', ['kv get']],
  ['list', ['member list', 'cluster list']],
  ['start', ['cluster start']],
  ['kv frobnicate', []],
  ['frobnicate', []],
  ['', []],
]

for (const [typed, expected] of cases) {
  test(`"${typed}" may have meant ${JSON.stringify(expected)}`, () => {
    const found = suggestions(
      typed.split(' ').filter(word => word !== '' && !word.startsWith('-')),
      commands,
    )

    expect(found.map(words => words.join(' '))).toEqual(expected)
  })
}

test('an edit is a letter more, less, other, or swapped with its neighbour', () => {
  expect(editsBetween('get', 'get')).toBe(0)
  expect(editsBetween('get', 'gte')).toBe(1)
  expect(editsBetween('', 'abc')).toBe(3)
  expect(editsBetween('status', 'stats')).toBe(1)
  expect(editsBetween('put', 'get')).toBe(2)
})
