import {entryData} from '../raft/entry.js'
import type {Entry, LogIndex} from '../raft/types.js'
import {decodeCommand} from './command.js'
import type {CommandResult} from './state.js'

/** What one applied command did to one key. */
export interface Change {
  readonly op: 'put' | 'delete'
  readonly key: Uint8Array
  /** Of a put; empty for a delete. */
  readonly value: Uint8Array
  /** Log index of the command. */
  readonly version: number
}

export interface ChangePage {
  readonly changes: readonly Change[]
  /** Every change up to it has been given. */
  readonly upTo: number
}

/** Held at most: commands, and bytes of their records. */
const CHANGES_MAX = 65_536
const BYTES_MAX = 8 * 1024 * 1024

/**
 * The last changes of the state, in log order, for watchers that each remember how far they are: what
 * one of them costs does not depend on how slow it is. Only the entries are held; who watches decodes.
 */
export class ChangeLog {
  readonly #countMax: number
  readonly #bytesMax: number
  #entries: Entry[] = []
  /** Entries before it were dropped. */
  #head = 0
  #bytes = 0
  /** Every change above it is held. */
  #floor: number
  #appliedIndex: number
  readonly #waiting = new Set<() => void>()

  constructor(appliedIndex: LogIndex, countMax = CHANGES_MAX, bytesMax = BYTES_MAX) {
    this.#floor = appliedIndex
    this.#appliedIndex = appliedIndex
    this.#countMax = countMax
    this.#bytesMax = bytesMax
  }

  get appliedIndex(): number {
    return this.#appliedIndex
  }

  /** The lowest version that a watcher can go on from. */
  get floor(): number {
    return this.#floor
  }

  /** Whether `result` means that the entry changed a key; a repeated command changed nothing. */
  add(entry: Entry, result: CommandResult | undefined): void {
    const {index} = entry
    const isPut = result?.kind === 'put' && result.version === index
    const isDelete = result?.kind === 'delete' && result.deleted && result.index === index
    if (!isPut && !isDelete) return
    this.#entries.push(entry)
    this.#bytes += entry.record.length
    while (this.#bytes > this.#bytesMax || this.#entries.length - this.#head > this.#countMax) {
      const dropped = this.#entries[this.#head++]!
      this.#bytes -= dropped.record.length
      this.#floor = dropped.index
    }
    if (this.#head < 1024 || this.#head * 2 < this.#entries.length) return
    this.#entries = this.#entries.slice(this.#head)
    this.#head = 0
  }

  /** Everything up to `index` is applied and added. */
  advance(index: LogIndex): void {
    this.#appliedIndex = index
    this.#wake()
  }

  /** The state was replaced by one as of `index`: what lies between is not known. */
  reset(index: LogIndex): void {
    this.#entries = []
    this.#head = 0
    this.#bytes = 0
    this.#floor = index
    this.advance(index)
  }

  /**
   * The changes after `version`, a page of about `bytesMax`; undefined when some of them are not held
   * any more. Before `version` is applied here there are none.
   */
  after(version: number, bytesMax: number): ChangePage | undefined {
    if (version < this.#floor) return undefined
    const changes: Change[] = []
    let at = this.#firstAfter(version)
    for (let bytes = 0; at < this.#entries.length && bytes < bytesMax; at++) {
      const entry = this.#entries[at]!
      bytes += entry.record.length
      changes.push(changeOf(entry))
    }
    const isAll = at === this.#entries.length
    const upTo = isAll ? Math.max(version, this.#appliedIndex) : changes.at(-1)!.version
    return {changes, upTo}
  }

  /** Resolves after the next entry is applied, once `signal` is aborted, or after `waitMs`. */
  next(signal: AbortSignal, waitMs: number): Promise<void> {
    return new Promise(resolve => {
      const done = () => {
        clearTimeout(timer)
        this.#waiting.delete(done)
        signal.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, waitMs)
      this.#waiting.add(done)
      signal.addEventListener('abort', done)
      if (signal.aborted) done()
    })
  }

  #wake(): void {
    for (const done of [...this.#waiting]) done()
  }

  #firstAfter(version: number): number {
    let low = this.#head
    let high = this.#entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#entries[middle]!.index <= version) low = middle + 1
      else high = middle
    }
    return low
  }
}

const EMPTY = new Uint8Array(0)

function changeOf(entry: Entry): Change {
  const command = decodeCommand(entryData(entry))
  const {index: version} = entry
  if (command.op === 'put') return {op: 'put', key: command.key, value: command.value, version}
  if (command.op === 'delete') return {op: 'delete', key: command.key, value: EMPTY, version}
  throw new Error(`entry ${version} changed a key, but is a command of kind ${command.op}`)
}
