import {RaftctlError} from '../errors.js'
import type {NumberBounds} from './number-flag.js'

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
}

/** Bytes, as a whole number with or without KiB, MiB, GiB, TiB. RAFTCTL_USAGE outside the bounds. */
export function parseBytes(
  text: string,
  {flag, min, max = Number.MAX_SAFE_INTEGER}: NumberBounds,
): number {
  const match = /^(\d{1,15}) ?(|[KMGT]iB)$/.exec(text)
  const bytes = match === null ? Number.NaN : Number(match[1]) * UNITS[match[2]!]!
  if (Number.isSafeInteger(bytes) && bytes >= min && bytes <= max) return bytes
  throw new RaftctlError(
    'RAFTCTL_USAGE',
    `${flag} ${text} is no size from ${formatBytes(min)} to ${formatBytes(max)}`,
    {hint: 'Give bytes, or a number with a unit: 512KiB, 64MiB, 1GiB.'},
  )
}

/** In the largest unit that needs no fraction. */
function formatBytes(bytes: number): string {
  const [unit, size] = Object.entries(UNITS).findLast(
    ([, size]) => bytes > 0 && bytes % size === 0,
  ) ?? ['', 1]
  return `${bytes / size}${unit}`
}
