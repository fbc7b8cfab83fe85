import {expect, test} from 'vitest'
import {heal, runSchedule} from '../support/random-schedule.js'

const SEEDS = Number(process.env.RAFT_SEEDS ?? 60)
const FIRST_SEED = Number(process.env.RAFT_FIRST_SEED ?? 1)
const STEPS = Number(process.env.RAFT_STEPS ?? 4000)

test(`${SEEDS} random schedules of ${STEPS} events violate nothing and converge`, () => {
  const totals = {elections: 0, changes: 0, installs: 0, commits: 0, reads: 0, steps: 0}
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    try {
      const cluster = runSchedule(seed, STEPS)
      heal(cluster)
      for (const key of Object.keys(totals) as (keyof typeof totals)[]) {
        totals[key] += cluster.counts[key]
      }
    } catch (error) {
      throw new Error(`seed ${seed}: RAFT_FIRST_SEED=${seed} RAFT_SEEDS=1`, {cause: error})
    }
  }

  if (process.env.RAFT_SEEDS) process.stdout.write(`${JSON.stringify(totals)}\n`)
  expect(totals.elections).toBeGreaterThan(SEEDS)
  expect(totals.changes).toBeGreaterThan(SEEDS)
  expect(totals.installs).toBeGreaterThan(0)
  expect(totals.reads).toBeGreaterThan(SEEDS)
}, 120_000)
