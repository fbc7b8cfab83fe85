import type {RandomSource} from '../../src/raft/config.js'

/** A small seeded generator (xorshift32 over a mixed seed); the same seed gives the same numbers. */
export function seededRandom(seed: number): RandomSource {
  let state = (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ 0xc2b2ae35) >>> 0 || 1
  return () => {
    state ^= state << 13
    state >>>= 0
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state
  }
}
