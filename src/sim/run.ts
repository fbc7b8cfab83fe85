import {readFileSync} from 'node:fs'
import type {Violation} from './checkers/verdict.js'
import {decodeScript, encodeScript, type Script} from './script.js'
import {shrink} from './shrink.js'
import {type SimulationResult, simulate} from './simulation.js'

export interface RunOptions {
  /** Both included. */
  readonly firstSeed: number
  readonly lastSeed: number
  readonly steps: number
  readonly twice: boolean
  readonly shrink: boolean
  readonly keepGoing: boolean
  readonly script?: Script
}

export interface FoundViolation {
  readonly seed: number
  readonly checker: Violation['checker'] | 'determinism'
  readonly message: string
  readonly step: number
  readonly atMs: number
  /** The one command that shows it again. */
  readonly replay: string
  readonly script?: Script
}

export interface RunReport {
  seeds: number
  steps: number
  cpuSeconds: number
  stepsPerCpuMinute: number
  simulatedSeconds: number
  totals: Record<string, number>
  /** The smallest figure that any one seed has. */
  least: {elections: number; changes: number; installs: number}
  recoveryMsMax: number
  violations: FoundViolation[]
}

const USAGE = `usage: main.js [--seed S | --seeds A..B] [--steps N] [--twice] [--shrink]
               [--script FILE] [--keep-going] [--json]`

/** Runs what the arguments ask for; answers the exit status. */
export async function runFromArguments(argv: readonly string[]): Promise<number> {
  const parsed = parseArguments(argv)
  if (typeof parsed === 'string') {
    process.stderr.write(`${parsed}\n${USAGE}\n`)
    return 2
  }
  const {options, json} = parsed
  const report = await runSimulations(options, result => {
    if (!json) process.stdout.write(`${lineOf(result)}\n`)
  })
  process.stdout.write(json ? `${JSON.stringify(report)}\n` : textOf(report))
  return report.violations.length === 0 ? 0 : 1
}

/** Simulates every seed, one after the other; `seen` is told of each run. */
export async function runSimulations(
  options: RunOptions,
  seen: (result: SimulationResult) => void = () => {},
): Promise<RunReport> {
  const report: RunReport = {
    seeds: 0,
    steps: 0,
    cpuSeconds: 0,
    stepsPerCpuMinute: 0,
    simulatedSeconds: 0,
    totals: {},
    least: {elections: Infinity, changes: Infinity, installs: Infinity},
    recoveryMsMax: 0,
    violations: [],
  }
  const before = process.cpuUsage()
  // Refusals are errors, and many: their stacks would cost more than all checkers.
  if (options.lastSeed > options.firstSeed) Error.stackTraceLimit = 0
  for (let seed = options.firstSeed; seed <= options.lastSeed; seed++) {
    const found = await runSeed(seed, options, report, seen)
    if (found === undefined) continue
    report.violations.push(found)
    if (!options.keepGoing) break
  }
  const {user, system} = process.cpuUsage(before)
  report.cpuSeconds = Math.round((user + system) / 1000) / 1000
  report.stepsPerCpuMinute = Math.round((report.steps * 60) / report.cpuSeconds)
  return report
}

async function runSeed(
  seed: number,
  options: RunOptions,
  report: RunReport,
  seen: (result: SimulationResult) => void,
): Promise<FoundViolation | undefined> {
  const {script} = options
  const run = {seed, steps: options.steps, ...(script && {actions: script.actions})}
  const result = await watched(() => simulate(run))
  account(report, result)
  seen(result)
  const replay = `node dist/src/sim/main.js --seed ${seed} --steps ${options.steps}`
  if (result.violation !== undefined) {
    const found = {seed, ...result.violation, replay}
    if (!options.shrink) return found
    const shrunk = await shrink(result)
    process.stderr.write(`${encodeScript(shrunk)}\n`)
    return {...found, script: shrunk}
  }
  if (!options.twice) return undefined
  const again = await watched(() => simulate(run))
  account(report, again)
  if (again.trace === result.trace) return undefined
  const message = `two runs differ: ${result.trace} and ${again.trace}`
  return {seed, checker: 'determinism', message, step: 0, atMs: 0, replay: `${replay} --twice`}
}

/** A promise that is rejected and heard by nobody ends a real process; here it fails its seed. */
async function watched(run: () => Promise<SimulationResult>): Promise<SimulationResult> {
  let unheard: {readonly reason: unknown} | undefined
  const note = (reason: unknown) => {
    unheard ??= {reason}
  }
  process.on('unhandledRejection', note)
  try {
    const result = await run()
    // Rejections are reported once the promise queue is empty.
    await new Promise(resolve => setImmediate(resolve))
    if (unheard === undefined || result.violation !== undefined) return result
    const {reason} = unheard
    const message = `a rejection is heard by nobody: ${reason instanceof Error ? reason.stack : reason}`
    const step = result.counts.steps
    return {
      ...result,
      violation: {checker: 'node-failed', message, step, atMs: result.simulatedMs},
    }
  } finally {
    process.off('unhandledRejection', note)
  }
}

function account(report: RunReport, result: SimulationResult): void {
  const {elections, changes, operations, acknowledged, counts, recoveryMs} = result
  report.seeds++
  report.steps += counts.steps
  report.simulatedSeconds += result.simulatedMs / 1000
  const figures = {...counts, elections, changes, operations, acknowledged}
  for (const [name, value] of Object.entries(figures)) {
    report.totals[name] = (report.totals[name] ?? 0) + value
  }
  const {least} = report
  least.elections = Math.min(least.elections, elections)
  least.changes = Math.min(least.changes, changes)
  least.installs = Math.min(least.installs, counts.installs)
  report.recoveryMsMax = Math.max(report.recoveryMsMax, recoveryMs ?? 0)
}

function lineOf(result: SimulationResult): string {
  const {seed, trace, elections, changes, acknowledged, counts, violation, simulatedMs} = result
  const figures = `${counts.steps} steps, ${simulatedMs} ms, ${elections} elections, ${changes} changes, ${counts.installs} installs, ${acknowledged} writes`
  return `seed ${seed}: ${violation ? `VIOLATED ${violation.checker}, ` : ''}${figures}, trace ${trace}`
}

function textOf(report: RunReport): string {
  const lines = [
    `${report.seeds} seeds, ${report.steps} steps, ${Math.round(report.simulatedSeconds)} simulated seconds`,
    `${report.cpuSeconds} CPU seconds, ${report.stepsPerCpuMinute} steps a CPU minute`,
    Object.entries(report.totals)
      .map(([name, value]) => `${name} ${value}`)
      .join(', '),
  ]
  for (const {seed, checker, message, step, atMs, replay} of report.violations) {
    lines.push(`\nseed ${seed} violates ${checker} after ${step} steps, at ${Math.round(atMs)} ms:`)
    lines.push(`  ${message}`, `replay: ${replay}`)
  }
  return `${lines.join('\n')}\n`
}

function parseArguments(
  argv: readonly string[],
): {readonly options: RunOptions; readonly json: boolean} | string {
  let [firstSeed, lastSeed, steps] = [1, 1, 20_000]
  let script: Script | undefined
  const flags = new Set<string>()
  for (let i = 0; i < argv.length; i++) {
    const flag = argv[i]!
    if (['--twice', '--shrink', '--keep-going', '--json'].includes(flag)) {
      flags.add(flag)
      continue
    }
    const value = argv[++i]
    if (value === undefined) return `${flag} needs a value, or is not known`
    if (flag === '--script') {
      script = decodeScript(readFileSync(value, 'utf8'))
      ;[firstSeed, lastSeed, steps] = [script.seed, script.seed, script.steps]
      continue
    }
    const numbers = value.split('..').map(Number)
    if (!numbers.every(number => Number.isSafeInteger(number) && number >= 0)) {
      return `${flag} takes whole numbers, not "${value}"`
    }
    if (flag === '--seed') firstSeed = lastSeed = numbers[0]!
    else if (flag === '--seeds' && numbers.length === 2)
      [firstSeed, lastSeed] = numbers as [number, number]
    else if (flag === '--steps') steps = numbers[0]!
    else return `${flag} ${value} is not known`
  }
  const options = {
    firstSeed,
    lastSeed,
    steps,
    twice: flags.has('--twice'),
    shrink: flags.has('--shrink'),
    keepGoing: flags.has('--keep-going'),
    script,
  }
  return {options, json: flags.has('--json')}
}
