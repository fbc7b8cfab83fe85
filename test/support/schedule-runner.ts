/**
 * Random schedules without a test framework, so that a patched copy of the sources runs them quickly:
 *
 *   node schedule-runner.js FIRST LAST STEPS
 *
 * Prints one JSON line, `{"seed": …, "violation": …}` for the first seed that violates something or
 * `{"seeds": …}` when none does. Exit status 1 on a violation.
 */
import {heal, runSchedule} from './random-schedule.js'

const [first = 1, last = 1, steps = 4000] = process.argv.slice(2).map(Number)

function firstViolation(): {seed: number; violation: string} | undefined {
  for (let seed = first; seed <= last; seed++) {
    try {
      heal(runSchedule(seed, steps))
    } catch (error) {
      return {seed, violation: error instanceof Error ? error.message : String(error)}
    }
  }
  return undefined
}

const found = firstViolation()
process.exitCode = found ? 1 : 0
process.stdout.write(`${JSON.stringify(found ?? {seeds: last - first + 1})}\n`)
