/**
 * What is done to a cluster from outside, drawn ahead of time and from the seed alone: an action names
 * nobody by what the cluster happens to be, but carries numbers that choose among what is there. So a
 * list of actions can be cut down, and what is left still means something.
 */
import {Random} from './random.js'
import {ACTION_KINDS, type ActionKind, type FaultTraits} from './scenario.js'

export interface Action {
  /** Due once so many steps were handled; or earlier, when nothing else happens for long. */
  readonly atStep: number
  readonly kind: ActionKind
  /** Chooses whom it happens to. */
  readonly who: number
  /** Chooses what of it, and how much. */
  readonly what: number
  /** How long it lasts, where it lasts. */
  readonly forMs: number
}

/** Gives the actions of a seed in order of steps, without end. */
export class ActionSource {
  readonly #random: Random
  readonly #traits: FaultTraits
  readonly #total: number
  #atStep = 0

  constructor(seed: number, traits: FaultTraits) {
    this.#random = new Random(seed, 2)
    this.#traits = traits
    this.#total = ACTION_KINDS.reduce((sum, kind) => sum + traits.weights[kind], 0)
  }

  next(): Action {
    const random = this.#random
    this.#atStep += 1 + Math.round(random.exponential(this.#traits.everySteps))
    const forMs = random.chance(0.2) ? random.between(500, 4000) : random.exponential(200)
    return {
      atStep: this.#atStep,
      kind: this.#kind(),
      who: random.uint32(),
      what: random.uint32(),
      forMs: Math.round(forMs),
    }
  }

  #kind(): ActionKind {
    let left = this.#random.unit() * this.#total
    for (const kind of ACTION_KINDS) {
      left -= this.#traits.weights[kind]
      if (left < 0) return kind
    }
    return 'heal'
  }
}
