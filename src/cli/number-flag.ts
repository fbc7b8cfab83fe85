import {RaftctlError} from '../errors.js'

export interface NumberBounds {
  readonly flag: string
  readonly min: number
  readonly max?: number
}

/**
 * A whole number as typed, or undefined where nothing was. RAFTCTL_USAGE outside the bounds; 2^53 - 1
 * is the largest.
 */
export function parseWhole(
  text: string | undefined,
  {flag, min, max = Number.MAX_SAFE_INTEGER}: NumberBounds,
): number | undefined {
  if (text === undefined) return undefined
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value
  throw new RaftctlError(
    'RAFTCTL_USAGE',
    `${flag} ${text} is no whole number from ${min} to ${max}`,
  )
}
