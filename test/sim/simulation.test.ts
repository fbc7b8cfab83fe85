import {expect, test} from 'vitest'
import {ActionSource} from '../../src/sim/actions.js'
import {ACTION_KINDS, drawScenario} from '../../src/sim/scenario.js'
import {decodeScript, encodeScript} from '../../src/sim/script.js'
import {simulate} from '../../src/sim/simulation.js'

test('one seed is one run: the same trace, counts and actions', async () => {
  const run = {seed: 7, steps: 3000}

  const first = await simulate(run)
  const second = await simulate(run)

  expect(first.violation).toBeUndefined()
  expect(second).toEqual(first)
})

test('another seed is another run', async () => {
  const [one, other] = [
    await simulate({seed: 1, steps: 500}),
    await simulate({seed: 2, steps: 500}),
  ]

  expect(one.trace).not.toBe(other.trace)
})

test('the actions of a run, given back as a script, give the same run', async () => {
  const drawn = await simulate({seed: 11, steps: 3000})
  const script = decodeScript(encodeScript({...drawn, steps: drawn.faultySteps}))

  const replayed = await simulate(script)

  expect(script.actions).toEqual(drawn.actions)
  expect(drawn.actions.length).toBeGreaterThan(5)
  expect(replayed.trace).toBe(drawn.trace)
})

test('a run without any action elects, writes, and ends with equal members', async () => {
  const result = await simulate({seed: 3, steps: 2000, actions: []})

  expect(result.violation).toBeUndefined()
  expect(result.elections).toBeGreaterThan(0)
  expect(result.acknowledged).toBeGreaterThan(10)
  expect(result.counts.crashes).toBe(0)
})

test('scenarios cover the sizes and faults that they are to cover', () => {
  const scenarios = Array.from({length: 400}, (_, seed) => drawScenario(seed))

  const sizes = scenarios.map(({voters, learners, observers}) => voters + learners + observers)
  expect([...new Set(sizes)].sort()).toEqual([3, 4, 5, 6, 7])
  expect(scenarios.some(({learners}) => learners > 0)).toBe(true)
  expect(scenarios.some(({observers}) => observers > 0)).toBe(true)
  expect(Math.max(...scenarios.map(({network}) => network.loss))).toBeGreaterThan(0.25)
  expect(Math.max(...scenarios.map(({network}) => network.duplication))).toBeGreaterThan(0.4)
  expect(scenarios.every(({clients}) => clients.count >= 5)).toBe(true)
})

test('actions come in order, and every kind of them comes', () => {
  const source = new ActionSource(5, {
    ...drawScenario(5).faults,
    weights: Object.fromEntries(
      Object.keys(drawScenario(5).faults.weights).map(kind => [kind, 1]),
    ) as ReturnType<typeof drawScenario>['faults']['weights'],
  })

  const actions = Array.from({length: 500}, () => source.next())

  expect(new Set(actions.map(({kind}) => kind))).toEqual(new Set(ACTION_KINDS))
  expect(actions.every(({atStep}, i) => i === 0 || atStep > actions[i - 1]!.atStep)).toBe(true)
})

test('a script that is none is refused', () => {
  expect(() => decodeScript('{"seed": 1}')).toThrow(/no script/)
  expect(() => decodeScript('{"seed": 1, "steps": 5, "actions": [[1, "dance", 1, 1, 1]]}')).toThrow(
    /can not be read/,
  )
})
