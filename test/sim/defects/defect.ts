/** A defect of an older design, as a change to our sources that brings it back. */

export interface Patch {
  /** Path below the root. */
  readonly file: string
  /** Text that occurs exactly once in the file. */
  readonly find: string
  readonly replace: string
}

export type Finder =
  /** Random schedules of a cluster of cores, seeds from 1 on. */
  | {readonly kind: 'schedules'; readonly seedsMax: number; readonly isRare: boolean}
  /** The simulator, seeds from 1 on: whole nodes with the real log and runtime. */
  | {readonly kind: 'simulation'; readonly seedsMax: number; readonly isRare: boolean}
  /** Tests of the suite: those of `file` whose title has `title` in it, at least one of which fails. */
  | {readonly kind: 'test'; readonly file: string; readonly title?: string}

export interface Defect {
  readonly area: 'votes' | 'log' | 'snapshots' | 'membership' | 'flow' | 'reads' | 'purity'
  /** What goes wrong, in the words of the design. */
  readonly name: string
  readonly patches: readonly Patch[]
  readonly finder: Finder
}

/** Seeds that a defect is looked for with before it counts as not found. */
const SEEDS_MAX = 600

export const schedules: Finder = {kind: 'schedules', seedsMax: SEEDS_MAX, isRare: false}
/** It takes hundreds of seeds: looked for on demand, not in every run. */
export const rareSchedules: Finder = {kind: 'schedules', seedsMax: 10 * SEEDS_MAX, isRare: true}

export const simulation: Finder = {kind: 'simulation', seedsMax: 50, isRare: true}
/** One of the first seeds finds it: looked for in every run. */
export const quickSimulation: Finder = {kind: 'simulation', seedsMax: 50, isRare: false}

/** As the table says it. */
export function finderName(finder: Finder): string {
  return finder.kind === 'test' ? finder.file : finder.kind
}

export function testIn(file: string, title?: string): Finder {
  return {kind: 'test', file: `test/${file}.test.ts`, title}
}

export function patch(file: string, find: string, replace: string): Patch {
  return {file: `src/${file}.ts`, find, replace}
}
