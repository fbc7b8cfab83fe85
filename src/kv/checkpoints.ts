import {createHash} from 'node:crypto'
import type {StateSnapshot} from '../node/ports.js'

/** Older ones are forgotten. Each reads the whole state, so there are never many. */
const CHECKPOINTS_MAX = 4

/**
 * The hashes of the state at checkpoint entries. The view is taken while the entry is applied, so that
 * it is of the same index on every member; it is read afterwards, beside everything else.
 */
export class Checkpoints {
  readonly #byIndex = new Map<number, {hash: Promise<string>; snapshot: StateSnapshot}>()

  take(snapshot: StateSnapshot): void {
    const {index} = snapshot.meta
    const hash = hashOf(snapshot)
    // Whoever asks gets the failure; nobody may ask.
    hash.catch(() => {})
    this.#byIndex.set(index, {hash, snapshot})
    const [oldest] = this.#byIndex.keys()
    if (this.#byIndex.size <= CHECKPOINTS_MAX || oldest === undefined) return
    this.#byIndex.get(oldest)?.snapshot.close()
    this.#byIndex.delete(oldest)
  }

  /** SHA-256 in hex; undefined when there was no checkpoint, or it is forgotten. */
  hashAt(index: number): Promise<string> | undefined {
    return this.#byIndex.get(index)?.hash
  }

  /** The state that they were of is gone. */
  clear(): void {
    this.#byIndex.clear()
  }
}

/** SHA-256 in hex over the content of the snapshot, which is closed at the end. */
export async function hashOf(snapshot: StateSnapshot): Promise<string> {
  try {
    const hash = createHash('sha256')
    for await (const chunk of snapshot.content) hash.update(chunk)
    return hash.digest('hex')
  } finally {
    snapshot.close()
  }
}
