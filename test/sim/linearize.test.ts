import {expect, test} from 'vitest'
import {History, linearize, type Operation} from '../../src/sim/checkers/history.js'
import {Verdict} from '../../src/sim/checkers/verdict.js'

const NEVER = Number.POSITIVE_INFINITY

type Shape = Partial<Operation> & Pick<Operation, 'kind' | 'invokedAt' | 'returnedAt'>

const operation = (shape: Shape): Operation => ({
  client: 1,
  key: 1,
  value: 0,
  expected: 0,
  outcome: shape.returnedAt === NEVER ? undefined : 1,
  ...shape,
})
const write = (value: number, invokedAt: number, returnedAt: number) =>
  operation({kind: 'write', value, invokedAt, returnedAt})
const read = (outcome: number, invokedAt: number, returnedAt: number) =>
  operation({kind: 'read', outcome, invokedAt, returnedAt})
const swap = (expected: number, value: number, outcome: 0 | 1, at: [number, number]) =>
  operation({kind: 'swap', expected, value, outcome, invokedAt: at[0], returnedAt: at[1]})
const remove = (outcome: 0 | 1, invokedAt: number, returnedAt: number) =>
  operation({kind: 'delete', outcome, invokedAt, returnedAt})

const cases: {readonly title: string; readonly operations: Operation[]; readonly legal: boolean}[] =
  [
    {title: 'nothing at all', operations: [], legal: true},
    {title: 'a read of what was written', operations: [write(7, 0, 1), read(7, 2, 3)], legal: true},
    {
      title: 'a read of the value before',
      operations: [write(7, 0, 1), read(0, 2, 3)],
      legal: false,
    },
    {
      title: 'a read beside a write, that sees it or does not',
      operations: [write(7, 0, 5), read(0, 1, 2), read(7, 3, 4)],
      legal: true,
    },
    {
      title: 'a read that sees a write, and a later one that does not',
      operations: [write(7, 0, 5), read(7, 1, 2), read(0, 3, 4)],
      legal: false,
    },
    {
      title: 'a write without an answer that is seen at last',
      operations: [write(7, 0, NEVER), read(0, 1, 2), read(7, 3, 4)],
      legal: true,
    },
    {
      title: 'a write without an answer that is never seen',
      operations: [write(7, 0, NEVER), write(8, 1, 2), read(8, 3, 4)],
      legal: true,
    },
    {
      title: 'a write without an answer that comes and goes',
      operations: [write(8, 0, 1), write(7, 2, NEVER), read(7, 3, 4), read(8, 5, 6)],
      legal: false,
    },
    {
      title: 'two swaps of one value that both succeed',
      operations: [write(1, 0, 1), swap(1, 2, 1, [2, 5]), swap(1, 3, 1, [3, 6])],
      legal: false,
    },
    {
      title: 'two swaps of one value of which one fails',
      operations: [write(1, 0, 1), swap(1, 2, 1, [2, 5]), swap(1, 3, 0, [3, 6]), read(2, 7, 8)],
      legal: true,
    },
    {
      title: 'a swap that fails though nothing stands in its way',
      operations: [write(1, 0, 1), swap(1, 2, 0, [2, 3])],
      legal: false,
    },
    {
      title: 'a delete that deletes what is there, and one that finds nothing',
      operations: [write(1, 0, 1), remove(1, 2, 3), remove(0, 4, 5), read(0, 6, 7)],
      legal: true,
    },
    {title: 'a delete of nothing that deletes', operations: [remove(1, 0, 1)], legal: false},
  ]

for (const {title, operations, legal} of cases) {
  test(`${title}: ${legal ? 'an order explains it' : 'no order explains it'}`, () => {
    expect(linearize(operations)).toBe(legal ? 'yes' : 'no')
  })
}

test('agrees with trying every order, on small random histories', () => {
  let state = 12345
  const below = (count: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state >>> 8) % count
  }
  const verdicts = {yes: 0, no: 0}
  for (let round = 0; round < 6000; round++) {
    // Each value written once, as the simulation does, or some of them twice.
    const valuesMax = round % 2 === 0 ? 5 : 2
    const operations = Array.from({length: 5}, (_, i): Operation => {
      const invokedAt = below(20) + below(100) / 1000
      const returnedAt = below(6) === 0 ? NEVER : invokedAt + 0.5 + below(8)
      const kind = (['read', 'write', 'swap', 'delete'] as const)[below(4)]!
      const outcome = kind === 'read' ? below(valuesMax + 1) : below(2)
      const known = returnedAt === NEVER ? undefined : outcome
      const value = valuesMax === 5 ? i + 1 : 1 + below(2)
      return {
        client: 1,
        key: 1,
        kind,
        value,
        expected: below(valuesMax + 1),
        invokedAt,
        returnedAt,
        outcome: known,
      }
    })

    const result = linearize(operations)

    expect(result, JSON.stringify(operations)).toBe(someOrderFits(operations) ? 'yes' : 'no')
    if (result !== 'unknown') verdicts[result]++
  }
  expect(verdicts.yes).toBeGreaterThan(100)
  expect(verdicts.no).toBeGreaterThan(100)
})

test('many writes under way while an older value is still read are told apart in time', () => {
  const late = Array.from({length: 25}, (_, i) => write(i + 2, 2 + i, 100 + i))
  const reads = Array.from({length: 10}, (_, i) => read(1, 40 + 4 * i, 42 + 4 * i))
  const illegal = read(1, 200, 201)

  expect(linearize([write(1, 0, 1), ...late, ...reads])).toBe('yes')
  expect(linearize([write(1, 0, 1), ...late, ...reads, read(3, 90, 91), illegal])).toBe('no')
})

test('a search that takes too long is no pass', () => {
  const operations = [...Array.from({length: 12}, (_, i) => write(i + 1, 0, 50)), read(99, 60, 61)]

  expect(linearize(operations, 1000)).toBe('unknown')
})

test('a history with an illegal key is a violation that names the key', () => {
  const verdict = new Verdict(() => ({step: 5, atMs: 7}))
  const history = new History(verdict)
  const shape = {client: 1, value: 4, expected: 0}
  const good = history.invoke({...shape, key: 1, kind: 'write'})
  history.answered(good, 1)
  const bad = history.invoke({...shape, key: 2, kind: 'read'})
  history.answered(bad, 4)

  history.check()

  expect(verdict.violation).toMatchObject({checker: 'linearizability', step: 5, atMs: 7})
  expect(verdict.violation?.message).toMatch(/key 2/)
})

/** Every order of every set of operations that holds all answered ones, tried one by one. */
function someOrderFits(operations: readonly Operation[]): boolean {
  const relevant = operations.filter(({kind, outcome}) => kind !== 'read' || outcome !== undefined)
  const place = (left: readonly Operation[], state: number): boolean => {
    if (left.every(({returnedAt}) => returnedAt === NEVER)) return true
    const firstReturn = Math.min(...left.map(({returnedAt}) => returnedAt))
    return left.some(next => {
      if (next.invokedAt > firstReturn) return false
      const then = outcomeOf(state, next)
      return (
        then !== undefined &&
        place(
          left.filter(other => other !== next),
          then,
        )
      )
    })
  }
  return place(relevant, 0)
}

function outcomeOf(state: number, {kind, value, expected, outcome}: Operation): number | undefined {
  if (kind === 'read') return outcome === state ? state : undefined
  if (kind === 'write') return value
  if (kind === 'delete') {
    if (outcome === undefined) return 0
    return (outcome === 1) === (state !== 0) ? 0 : undefined
  }
  const swaps = state === expected
  if (outcome !== undefined && (outcome === 1) !== swaps) return undefined
  return swaps ? value : state
}
