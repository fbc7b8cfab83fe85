import {createHash} from 'node:crypto'

const KINDS = {blank: 0, command: 1, membership: 2} as const

export interface HashedEntry {
  readonly index: number
  readonly term: number
  readonly kind: keyof typeof KINDS
  readonly data: Uint8Array
}

/** SHA-256 over entries in their order, as `EntryRange.checksum` of log.proto defines it. */
export class EntriesHash {
  readonly #hash = createHash('sha256')

  add({index, term, kind, data}: HashedEntry): void {
    const head = Buffer.alloc(21)
    head.writeBigUInt64LE(BigInt(index), 0)
    head.writeBigUInt64LE(BigInt(term), 8)
    head.writeUInt8(KINDS[kind], 16)
    head.writeUInt32LE(data.length, 17)
    this.#hash.update(head).update(data)
  }

  digest(): Buffer {
    return this.#hash.digest()
  }
}
