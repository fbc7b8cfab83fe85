import {RaftctlError} from '../../src/errors.js'
import {SimFileSystem, type SimOperation} from '../../src/sim/sim-file-system.js'
import type {FileSystem} from '../../src/storage/file-system.js'
import {seededRandom} from './log-helpers.js'

/**
 * What happens at one operation on the disk. `power`: it is cut before the operation. `error`: the
 * operation fails and the process ends, its kernel does not. `error-power`: both, one after the other.
 */
export type Mishap = 'power' | 'error' | 'error-power'
export const MISHAPS: readonly Mishap[] = ['power', 'error', 'error-power']

export interface Aftermath {
  readonly fs: SimFileSystem
  /** Where it happened, such as "sync /data/wal/x". */
  readonly at: string
}

export interface EveryFault {
  readonly mishap: Mishap
  /** Nothing fails yet. */
  readonly prepare?: (fs: SimFileSystem) => Promise<void>
  /** Every operation of it is struck once, in a run of its own; it must reject then. */
  readonly act: (fs: FileSystem) => Promise<unknown>
  /** Looks at what the disk holds; nothing fails any more. */
  readonly check: (after: Aftermath) => Promise<void>
  readonly error?: () => RaftctlError
  /** Operations whose failure may pass unnoticed, as nothing came to depend on them. */
  readonly isSpare?: (at: string) => boolean
  /** How many lots are drawn for what a cut of the power keeps. */
  readonly seeds?: number
}

/** Answers how many operations were struck. */
export async function strikeEach(plan: EveryFault): Promise<number> {
  for (let nth = 1; ; nth++) {
    const seeds = plan.mishap === 'error' ? 1 : (plan.seeds ?? 3)
    for (let seed = 1; seed <= seeds; seed++) {
      if (!(await strike(plan, nth, seed))) return nth - 1
    }
  }
}

async function strike(plan: EveryFault, nth: number, seed: number): Promise<boolean> {
  const {mishap, prepare, act, check, isSpare, error = inputOutput} = plan
  let at: string | undefined
  let left = Number.POSITIVE_INFINITY
  const fault = (operation: SimOperation, path: string) => {
    if (--left !== 0) return undefined
    at = `${operation} ${path}`
    if (mishap === 'power') fs.crash()
    return error()
  }
  const fs = new SimFileSystem({fault, random: seededRandom(seed * 7919 + nth)})
  await prepare?.(fs)
  left = nth
  const failure = await act(fs.mount()).then(
    () => undefined,
    (reason: unknown) => reason ?? new Error('nothing'),
  )
  left = Number.POSITIVE_INFINITY
  if (at === undefined) {
    if (failure !== undefined) throw failure
    return false
  }
  if (failure === undefined && !isSpare?.(at))
    throw new Error(`${at}: it failed, and nobody noticed`)
  if (mishap === 'error') fs.kill()
  if (mishap === 'error-power') fs.crash()
  try {
    await check({fs, at})
  } catch (cause) {
    throw new Error(`after "${mishap}" at "${at}" (operation ${nth}, seed ${seed})`, {cause})
  }
  return true
}

const inputOutput = () => new RaftctlError('RAFTCTL_INPUT_OUTPUT', 'the disk says EIO')
