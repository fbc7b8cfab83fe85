/**
 * Log matching (paper §5.3): two logs that hold the same position agree up to it. By induction it is
 * enough that every entry of one index and term has one content and one term before it, wherever it
 * is seen: in a message, on its way to a disk, or read back from one.
 */
import {crc32} from 'node:zlib'
import type {Message} from '../../raft/messages.js'
import type {Entry, NodeId} from '../../raft/types.js'
import type {Verdict} from './verdict.js'

interface Known {
  readonly term: number
  readonly prevTerm: number
  readonly record: Uint8Array
  readonly checksum: number
}

export class LogMatching {
  readonly #verdict: Verdict
  /** By index; more than one where terms competed. */
  readonly #known: (Known[] | undefined)[] = []

  constructor(verdict: Verdict) {
    this.#verdict = verdict
  }

  /** Entries that follow a position of term `prevTerm` without a gap. */
  chain(id: NodeId, prevTerm: number, entries: readonly Entry[]): void {
    let before = prevTerm
    for (const entry of entries) {
      this.#see(id, before, entry)
      before = entry.term
    }
  }

  sent(message: Message): void {
    if (message.kind !== 'append-entries' || message.entries.length === 0) return
    const {from, prev, entries} = message
    if (entries[0]!.index !== prev.index + 1) {
      this.#verdict.violated('log-matching', `node ${from} sends entries that leave a gap`)
    }
    this.chain(from, prev.term, entries)
  }

  /** Is the record what was first seen at this position? Also finds bytes changed in memory. */
  isOriginal(entry: Entry): boolean {
    const known = this.#known[entry.index]?.find(({term}) => term === entry.term)
    return known !== undefined && known.checksum === crc32(entry.record)
  }

  #see(id: NodeId, prevTerm: number, entry: Entry): void {
    const {index, term, record} = entry
    let list = this.#known[index]
    if (list === undefined) {
      list = []
      this.#known[index] = list
    }
    for (const known of list) {
      if (known.term !== term) continue
      if (known.prevTerm !== prevTerm) {
        this.#verdict.violated(
          'log-matching',
          `entry ${index} of term ${term} follows term ${prevTerm} on node ${id}, term ${known.prevTerm} elsewhere`,
        )
      }
      if (known.record !== record && Buffer.compare(known.record, record) !== 0) {
        this.#verdict.violated(
          'log-matching',
          `entry ${index} of term ${term} on node ${id} has other content than elsewhere`,
        )
      }
      return
    }
    if (term < prevTerm) {
      this.#verdict.violated('log-matching', `entry ${index}: term ${term} follows ${prevTerm}`)
    }
    list.push({term, prevTerm, record, checksum: crc32(record)})
  }
}
