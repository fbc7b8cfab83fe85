/** The arithmetic of majorities, for people: what a cluster survives, and what a removal costs. */

export function majorityOf(voters: number): number {
  return Math.floor(voters / 2) + 1
}

/**
 * How many of the voters `working` may fail before a half has no majority; never below 0. Below a
 * majority there is nothing left to tolerate: 0 too, so ask `hasQuorum` besides.
 */
export function failureTolerance(
  halves: readonly (readonly number[])[],
  working: ReadonlySet<number>,
): number {
  const spare = halves
    .filter(half => half.length > 0)
    .map(half => half.filter(id => working.has(id)).length - majorityOf(half.length))
  return Math.max(0, Math.min(...spare, Number.MAX_SAFE_INTEGER))
}

export function hasQuorum(
  halves: readonly (readonly number[])[],
  working: ReadonlySet<number>,
): boolean {
  return halves
    .filter(half => half.length > 0)
    .every(half => half.filter(id => working.has(id)).length >= majorityOf(half.length))
}
