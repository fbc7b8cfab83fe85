import type {Action} from './actions.js'
import {ACTION_KINDS, type ActionKind} from './scenario.js'

/** A run cut down to what is needed: the seed's scenario, with these actions and no others. */
export interface Script {
  readonly seed: number
  readonly steps: number
  readonly actions: readonly Action[]
}

/** One line of JSON. */
export function encodeScript({seed, steps, actions}: Script): string {
  const rows = actions.map(({atStep, kind, who, what, forMs}) => [atStep, kind, who, what, forMs])
  return JSON.stringify({seed, steps, actions: rows})
}

/** Reads what `encodeScript` wrote; throws for anything else. */
export function decodeScript(text: string): Script {
  const {seed, steps, actions} = JSON.parse(text) as Record<string, unknown>
  if (!Number.isSafeInteger(seed) || !Number.isSafeInteger(steps) || !Array.isArray(actions)) {
    throw new Error('this is no script of a simulation')
  }
  return {seed: seed as number, steps: steps as number, actions: actions.map(decodeAction)}
}

function decodeAction(row: unknown): Action {
  const [atStep, kind, who, what, forMs] = row as [number, ActionKind, number, number, number]
  const numbers = [atStep, who, what, forMs]
  if (!numbers.every(Number.isFinite) || !ACTION_KINDS.includes(kind)) {
    throw new Error('an action of the script can not be read')
  }
  return {atStep, kind, who, what, forMs}
}
