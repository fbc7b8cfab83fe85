import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {type Compiled, compileSimulation} from './compiled.js'

/** More on demand: SIM_SEEDS=2000 npx vitest run test/sim/seeds.test.ts */
const SEEDS = Number(process.env.SIM_SEEDS ?? 200)
const STEPS = Number(process.env.SIM_STEPS ?? 20_000)
const TIMEOUT_MS = 60_000 + SEEDS * 6_000

let simulation: Compiled

beforeAll(async () => {
  simulation = await compileSimulation()
}, 120_000)

afterAll(() => simulation.remove())

describe('simulated clusters', () => {
  test(
    `${SEEDS} seeds of ${STEPS} steps violate nothing, each with elections, changes and installs`,
    async () => {
      const half = Math.ceil(SEEDS / 2)
      const runs = await Promise.all([
        simulation.run('--seeds', `1..${half}`, '--steps', String(STEPS)),
        simulation.run('--seeds', `${half + 1}..${SEEDS}`, '--steps', String(STEPS)),
      ])

      for (const {report, status} of runs) {
        expect(report.violations).toEqual([])
        expect(status).toBe(0)
        expect(report.least.elections).toBeGreaterThan(0)
        expect(report.least.changes).toBeGreaterThan(0)
        expect(report.least.installs).toBeGreaterThan(0)
        expect(report.steps).toBeGreaterThanOrEqual(half * STEPS * 0.99)
      }
    },
    TIMEOUT_MS,
  )

  test('a seed run twice leaves the same trace', async () => {
    const {report, status} = await simulation.run(
      '--seeds',
      '500..504',
      '--steps',
      '5000',
      '--twice',
    )

    expect(report.violations).toEqual([])
    expect(report.seeds).toBe(10)
    expect(status).toBe(0)
  }, 120_000)
})

describe('a simulation that finds something', () => {
  let defective: Compiled

  beforeAll(async () => {
    defective = await compileSimulation()
    // A leader that counts itself before its own disk holds the entry.
    await defective.patch(
      'raft/raft-state.js',
      'return this.log.persistedIndex;',
      'return this.log.lastIndex;',
    )
  }, 120_000)

  afterAll(() => defective.remove())

  test('says what, where, and with which command it is seen again; and cuts it short', async () => {
    const {report, status} = await defective.run('--seeds', '1..50', '--shrink')

    expect(status).toBe(1)
    expect(report.violations).toHaveLength(1)
    const [found] = report.violations
    expect(found).toMatchObject({checker: 'commit-quorum', seed: expect.any(Number)})
    expect(found!.replay).toBe(`node dist/src/sim/main.js --seed ${found!.seed} --steps 20000`)
    expect(found!.script!.actions.length).toBeLessThan(5)

    const again = await defective.run('--seed', String(found!.seed))
    expect(again.report.violations).toMatchObject([
      {checker: found!.checker, message: found!.message, step: found!.step},
    ])
  }, 300_000)
})
