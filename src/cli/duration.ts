/** Durations as people type them on the command line: 500ms, 10s, 5m, 2h. */
import {RaftctlError} from '../errors.js'

const UNIT_MS: Readonly<Record<string, number>> = {ms: 1, s: 1_000, m: 60_000, h: 3_600_000}

/** Longer than any wait that makes sense, and within what a timer can hold (2^31 − 1 ms). */
const DURATION_MS_MAX = 7 * 24 * 3_600_000 - 1

/**
 * Milliseconds, from 1 to a week. A number needs its unit: "10" could mean seconds or milliseconds,
 * and a guess would be wrong for somebody. RAFTCTL_USAGE for anything else.
 */
export function parseDuration(text: string, flag = '--timeout'): number {
  const match = /^(\d{1,12}(?:\.\d{1,3})?)(ms|s|m|h)$/.exec(text.trim())
  const durationMs = match ? Math.round(Number(match[1]) * UNIT_MS[match[2] as string]!) : 0
  if (!match || durationMs < 1 || durationMs > DURATION_MS_MAX) {
    throw new RaftctlError('RAFTCTL_USAGE', `${flag} ${text} is not a duration`, {
      hint: 'Give a number and a unit, such as 500ms, 10s or 5m, at most a week.',
    })
  }
  return durationMs
}

/** For people, with at most three digits: 0 ms, 12 ms, 1.5 s, 2 m 5 s, 3 h 2 m. */
export function formatDuration(durationMs: number): string {
  if (durationMs < 1_000) return `${Math.round(durationMs)} ms`
  if (durationMs < 9_950) return `${(durationMs / 1_000).toFixed(1)} s`
  const seconds = Math.round(durationMs / 1_000)
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3_600) return withRest(Math.floor(seconds / 60), 'm', seconds % 60, 's')
  const minutes = Math.round(seconds / 60)
  return withRest(Math.floor(minutes / 60), 'h', minutes % 60, 'm')
}

function withRest(whole: number, unit: string, rest: number, restUnit: string): string {
  return rest === 0 ? `${whole} ${unit}` : `${whole} ${unit} ${rest} ${restUnit}`
}
