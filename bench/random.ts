/** An integer from 0, less than `below`. */
export type Random = (below: number) => number

/** An own little generator: a seed gives the same choices, though not the same moments. */
export function seeded(seed: number): Random {
  let state = seed >>> 0 || 1
  return below => {
    state ^= state << 13
    state >>>= 0
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state % below
  }
}

/** The same things in any order. */
export function shuffled<T>(things: readonly T[], random: Random): T[] {
  const left = [...things]
  return things.map(() => left.splice(random(left.length), 1)[0]!)
}
