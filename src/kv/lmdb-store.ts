/**
 * An ordered store of records in one LMDB environment.
 *
 * Its sync mode is lmdb's overlapping sync: a transaction is visible before it is on disk, and after a
 * crash the environment is as of the last transaction that was synced whole. `safeRestore` asks for
 * that after every crash, not only after one of the machine: what is found at open is durable.
 */
import {statfsSync} from 'node:fs'
import {join} from 'node:path'
import {type Database, open, type Transaction} from 'lmdb'
import {RaftctlError} from '../errors.js'
import type {ByteString} from './bytes.js'
import {checkDataFile} from './lmdb-file.js'
import {
  damaged,
  type PageMemory,
  type RecordPage,
  type RecordReader,
  type StateRecord,
} from './records.js'

/** Of the page that is being read; there is one at a time, for reading one never waits. */
let pageMemory: PageMemory | undefined

/** lmdb gives each record in a buffer that it uses again, with its length beside or as a property of it. */
const recordCodec = {
  encode: (record: Buffer) => record,
  decode: (shared: Buffer, length: unknown) => {
    const bytes = shared.subarray(0, typeof length === 'number' ? length : shared.length)
    const record = pageMemory?.take(bytes.length) ?? new Uint8Array(bytes.length)
    record.set(bytes)
    return record
  },
}

/** A read view: the store as of one moment. It keeps pages from being used again: close it soon. */
export interface StoreView extends RecordReader {
  /** Idempotent; nothing can be read afterwards. */
  close(): void
}

export class LmdbStore implements RecordReader {
  readonly #db: Database<Buffer, Uint8Array>
  readonly #directory: string
  #open = true
  #failed = false

  private constructor(directory: string, db: Database<Buffer, Uint8Array>) {
    this.#directory = directory
    this.#db = db
  }

  /** Creates what is missing. Throws RAFTCTL_DATA_DAMAGED, RAFTCTL_DISK_FULL, RAFTCTL_INPUT_OUTPUT. */
  static open(directory: string): LmdbStore {
    checkDataFile(join(directory, 'data.mdb'))
    const options = {
      path: directory,
      noSubdir: false,
      overlappingSync: true,
      safeRestore: true,
      encoder: recordCodec,
      keyEncoding: 'binary',
      maxDbs: 1,
      // Every write is one explicit batch. A batch of lmdb's own for each turn would have a promise
      // that nobody holds, whose rejection would end the process.
      eventTurnBatching: false,
    } as const
    try {
      return new LmdbStore(directory, open<Buffer, Uint8Array>(options))
    } catch (error) {
      throw operational(error, directory, `the state in ${directory} can't be opened`)
    }
  }

  get(key: ByteString): Uint8Array | undefined {
    return this.#get(key, undefined)
  }

  page(
    start: ByteString,
    end: ByteString,
    bytesMax: number,
    countMax: number,
    memory?: PageMemory,
  ): RecordPage {
    return this.#page(start, end, bytesMax, countMax, memory, undefined)
  }

  view(): StoreView {
    const transaction = this.#db.useReadTransaction()
    let open = true
    const use = (): Transaction => {
      if (!open || !this.#open) {
        throw new RaftctlError('RAFTCTL_INPUT_OUTPUT', 'the view of the state was closed', {
          hint: 'The state was replaced meanwhile; try again.',
        })
      }
      return transaction
    }
    return {
      get: key => this.#get(key, use()),
      page: (start, end, bytesMax, countMax, memory) =>
        this.#page(start, end, bytesMax, countMax, memory, use()),
      close: () => {
        if (open && this.#open) transaction.done()
        open = false
      },
    }
  }

  /**
   * Writes all records in one transaction (undefined removes) and resolves when it is durable. One
   * call at a time. A rejection is final: what the file holds is only known after opening it again.
   */
  async write(records: ReadonlyMap<ByteString, Uint8Array | undefined>): Promise<void> {
    if (records.size === 0) return
    try {
      await this.#db.batch(() => {
        for (const [key, record] of records) {
          if (record === undefined) this.#db.remove(keyBytes(key))
          else this.#db.put(keyBytes(key), record as Buffer)
        }
      })
      await this.#db.flushed
    } catch (error) {
      this.#failed = true
      throw operational(await causeOf(error), this.#directory, "the state can't be written")
    }
  }

  /**
   * All views must be closed, and no write under way. After a failed write the environment stays open
   * until the process ends: lmdb would wait for the sync of that write, which never comes.
   */
  async close(): Promise<void> {
    if (!this.#open) return
    this.#open = false
    if (!this.#failed) await this.#db.close()
  }

  #get(key: ByteString, transaction: Transaction | undefined): Uint8Array | undefined {
    try {
      return this.#db.get(keyBytes(key), transaction && {transaction})
    } catch (error) {
      throw this.#unreadable(error)
    }
  }

  // The cursor lives within one call: one that is left open across turns would outlive its view.
  #page(
    start: ByteString,
    end: ByteString,
    bytesMax: number,
    countMax: number,
    memory: PageMemory | undefined,
    transaction: Transaction | undefined,
  ): RecordPage {
    const records: StateRecord[] = []
    let bytes = 0
    const range = {start: keyBytes(start), end: keyBytes(end)}
    pageMemory = memory
    try {
      for (const {key, value} of this.#db.getRange(
        transaction === undefined ? range : {...range, transaction},
      )) {
        if (bytes > bytesMax || records.length >= countMax) return {records, more: true}
        const text = Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1')
        records.push([text, value])
        bytes += key.length + value.length
      }
    } catch (error) {
      throw this.#unreadable(error)
    } finally {
      pageMemory = undefined
    }
    return {records, more: false}
  }

  #unreadable(error: unknown): RaftctlError {
    return operational(error, this.#directory, `the state in ${this.#directory} can't be read`)
  }
}

function keyBytes(key: ByteString): Uint8Array {
  return Buffer.from(key, 'latin1')
}

// lmdb rejects with a general error whose `commitError` is a promise that is rejected with the cause.
async function causeOf(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !('commitError' in error)) return error
  try {
    await error.commitError
    return error
  } catch (cause) {
    return cause
  }
}

const EIO = 5
const ENOSPC = 28
/** Page not found, corrupted, panic, wrong version, invalid: of LMDB. */
const DAMAGE_CODES: readonly number[] = [-30797, -30796, -30794, -30793]
const FREE_BYTES_MIN = 1024 * 1024

function operational(cause: unknown, directory: string, sentence: string): RaftctlError {
  const code = cause instanceof Error && 'code' in cause ? Number(cause.code) : 0
  const message = cause instanceof Error ? cause.message : String(cause)
  if (DAMAGE_CODES.includes(code) || message.startsWith('MDB_CORRUPTED'))
    return damaged(`${sentence}: ${message}`)
  if (code === ENOSPC || (code === EIO && isFull(directory))) {
    return new RaftctlError('RAFTCTL_DISK_FULL', `${sentence}: the disk of ${directory} is full`, {
      hint: 'Free some space, then start the node again.',
      cause,
    })
  }
  return new RaftctlError('RAFTCTL_INPUT_OUTPUT', `${sentence}: ${message}`, {
    hint: 'Check the disk that holds the data directory, then start the node again.',
    cause,
  })
}

// LMDB reports a write cut short, which is how a disk gets full, as a general failure.
function isFull(directory: string): boolean {
  try {
    const {bavail, bsize} = statfsSync(directory)
    return bavail * bsize < FREE_BYTES_MIN
  } catch {
    return false
  }
}
