import {createHash} from 'node:crypto'
import type {SnapshotInfo, SnapshotReceiver, SnapshotStore} from '../../src/node/ports.js'
import type {Membership} from '../../src/raft/membership.js'
import {logIndex, term} from '../../src/raft/types.js'

/** Of the snapshot at an index of term 1. */
export function idOf(index: number): string {
  return `0000000000000001-${String(index).padStart(16, '0')}`
}

/** Files in memory. A file is whole when it ends in the checksum of the rest. */
export class FakeSnapshots implements SnapshotStore {
  readonly files = new Map<string, {info: SnapshotInfo; bytes: Buffer}>()
  readonly partial = new Map<string, Buffer>()
  readonly membership: Membership
  reads: number[] = []
  readonly aborted: string[] = []
  /** Waited for before each chunk is taken. */
  beforeWrite: () => Promise<void> = () => Promise.resolve()

  constructor(membership: Membership) {
    this.membership = membership
  }

  add(index: number, content: Buffer): SnapshotInfo {
    const bytes = Buffer.concat([content, createHash('sha256').update(content).digest()])
    const info = this.#info(idOf(index), bytes.length)
    this.files.set(info.id, {info, bytes})
    return info
  }

  list() {
    return [...this.files.values()].map(({info}) => info)
  }

  latest() {
    return this.list().at(-1)
  }

  unusable(): never[] {
    return []
  }

  remove(): Promise<never> {
    return Promise.reject(new Error('not in this test'))
  }

  create(): Promise<never> {
    return Promise.reject(new Error('not in this test'))
  }

  content(): AsyncIterable<Uint8Array> {
    throw new Error('not in this test')
  }

  async *read(id: string, offset: number, chunkBytes: number) {
    this.reads.push(offset)
    const {bytes} = this.files.get(id)!
    for (let at = offset; at < bytes.length; at += chunkBytes) {
      yield bytes.subarray(at, at + chunkBytes)
    }
  }

  receive(id: string, length: number): Promise<SnapshotReceiver> {
    let held = this.partial.get(id) ?? Buffer.alloc(0)
    return Promise.resolve({
      offset: held.length,
      write: async (offset, chunk) => {
        await this.beforeWrite()
        if (offset !== held.length) throw new Error('a gap')
        held = Buffer.concat([held, chunk])
        this.partial.set(id, held)
      },
      finish: async () => {
        const content = held.subarray(0, length - 32)
        const sum = createHash('sha256').update(content).digest()
        this.partial.delete(id)
        if (!sum.equals(held.subarray(length - 32))) throw new Error('the checksum is wrong')
        const info = this.#info(id, length)
        this.files.set(id, {info, bytes: held})
        return info
      },
      abort: async () => {
        this.aborted.push(id)
        this.partial.delete(id)
      },
    })
  }

  #info(id: string, bytes: number): SnapshotInfo {
    const [of, index] = id.split('-').map(Number)
    const {membership} = this
    return {id, index: logIndex(index!), term: term(of!), membership, bytes, createdMs: 1}
  }
}
