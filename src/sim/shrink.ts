/** Cuts a failing run down: fewer steps, then fewer actions, as long as the same checker still finds it. */
import type {Action} from './actions.js'
import type {Script} from './script.js'
import {type SimulationResult, simulate} from './simulation.js'

/** Runs spent on shrinking, at most. */
const RUNS_MAX = 300

export async function shrink(failed: SimulationResult): Promise<Script> {
  const {seed, violation, faultySteps: steps} = failed
  let runs = 0
  const fails = async (script: Script): Promise<SimulationResult | undefined> => {
    if (runs++ >= RUNS_MAX) return undefined
    const result = await simulate(script)
    return result.violation?.checker === violation!.checker ? result : undefined
  }

  let best: Script = {seed, steps, actions: failed.actions}
  const early = {...best, steps: Math.min(steps, violation!.step + 1)}
  if (await fails(early)) best = early
  for (let size = Math.ceil(best.actions.length / 2); size >= 1; ) {
    const shorter = await withoutSomePart(best, size, fails)
    if (shorter !== undefined) best = shorter
    else if (size === 1) break
    else size = Math.floor(size / 2)
    size = Math.min(size, Math.max(1, Math.ceil(best.actions.length / 2)))
    if (best.actions.length === 0) break
  }
  return best
}

/** The first shorter script that fails in the same way, its steps cut to what it needed. */
async function withoutSomePart(
  script: Script,
  size: number,
  fails: (script: Script) => Promise<SimulationResult | undefined>,
): Promise<Script | undefined> {
  const {actions} = script
  for (let start = 0; start < actions.length; start += size) {
    const left: Action[] = [...actions.slice(0, start), ...actions.slice(start + size)]
    const result = await fails({...script, actions: left})
    if (result === undefined) continue
    const steps = Math.min(script.steps, result.violation!.step + 1)
    return {...script, actions: result.actions, steps}
  }
  return undefined
}
