/** A broken invariant: the node's state can't be trusted, so it stops. Nobody catches this. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError'
}

/** Stops the node when `condition` is false. `claim` says what should have been true. */
export function invariant(condition: boolean, claim: string): asserts condition {
  if (!condition) throw new InvariantError(`broken invariant: ${claim}`)
}
