import {RaftctlError} from '../errors.js'

export interface CallerAbort {
  /** Aborting it cancels the remote call and rejects with RAFTCTL_INTERRUPTED. */
  readonly signal?: AbortSignal | undefined
}

/** The time that one call of the caller has, across all its attempts. */
export interface Deadline {
  readonly timeoutMs: number
  remainingMs(): number
  expired(): boolean
}

export function deadlineAfter(timeoutMs: number): Deadline {
  const end = performance.now() + timeoutMs
  const remainingMs = () => Math.max(0, end - performance.now())
  return {timeoutMs, remainingMs, expired: () => remainingMs() === 0}
}

/**
 * The pause before another attempt: 20 to 200 ms, doubling with each attempt, half of it random so
 * that clients which failed together don't return together.
 */
export function backoffMs(attempt: number, random: () => number = Math.random): number {
  const ceiling = Math.min(200, 20 * 2 ** Math.min(attempt, 10))
  return Math.max(20, ceiling / 2 + (random() * ceiling) / 2)
}

/** Waits; rejects with RAFTCTL_INTERRUPTED as soon as the signal is aborted. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(interrupted())
      return
    }
    const onAbort = () => {
      clearTimeout(timer)
      reject(interrupted())
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    }, ms)
    signal?.addEventListener('abort', onAbort, {once: true})
  })
}

export function interrupted(): RaftctlError {
  return new RaftctlError('RAFTCTL_INTERRUPTED', 'interrupted')
}

/** A span for people: 750 ms, 10 s, 2.5 s. */
export function spell(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${Math.round(ms / 100) / 10} s`
}
