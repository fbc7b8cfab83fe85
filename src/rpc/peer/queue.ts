import {BATCH_BYTES, QUEUE_BYTES_MAX, QUEUE_CONTROL_MAX} from '../limits.js'
import {type StreamMessage, wireBytes} from './message-codec.js'

interface Item {
  readonly message: StreamMessage
  readonly bytes: number
}

/**
 * Messages waiting for one peer, bounded by bytes. A full queue takes no more appends, which Raft
 * sends again; the small messages that keep a leader or elect one still find a place, and leave
 * ahead of appends when more waits than one batch holds.
 */
export class PeerQueue {
  #items: Item[] = []
  #bytes = 0
  #control = 0
  #dropped = 0

  get bytes(): number {
    return this.#bytes
  }

  get length(): number {
    return this.#items.length
  }

  /** Messages refused since the queue was made. */
  get dropped(): number {
    return this.#dropped
  }

  push(message: StreamMessage): void {
    const bytes = wireBytes(message)
    const control = isControl(message)
    const full = control
      ? this.#control >= QUEUE_CONTROL_MAX
      : this.#bytes + bytes > QUEUE_BYTES_MAX
    if (full) {
      this.#dropped++
      return
    }
    this.#items.push({message, bytes})
    this.#bytes += bytes
    if (control) this.#control++
  }

  /** About one batch's worth, or a single larger message; empty when nothing waits. */
  takeBatch(): StreamMessage[] {
    if (this.#bytes > BATCH_BYTES && this.#control > 0) this.#bringControlForward()
    let bytes = 0
    let count = 0
    for (const item of this.#items) {
      if (count > 0 && bytes + item.bytes > BATCH_BYTES) break
      bytes += item.bytes
      count++
    }
    return this.#remove(this.#items.splice(0, count))
  }

  /**
   * What is worth keeping while there is no connection: control messages, the latest of them.
   * Appends would be sent again anyway.
   */
  dropAppends(): void {
    const kept = this.#items.filter(item => isControl(item.message))
    this.#dropped += this.#items.length - kept.length
    this.#items = kept
    this.#bytes = kept.reduce((sum, item) => sum + item.bytes, 0)
  }

  /** Makes room for newer ones: what has waited longest is what Raft has given up. */
  dropOldest(keep: number): void {
    const excess = this.#items.length - keep
    if (excess <= 0) return
    this.#dropped += excess
    this.#remove(this.#items.splice(0, excess))
  }

  clear(): void {
    this.#items = []
    this.#bytes = 0
    this.#control = 0
  }

  #bringControlForward(): void {
    const control: Item[] = []
    const appends: Item[] = []
    for (const item of this.#items) (isControl(item.message) ? control : appends).push(item)
    this.#items = control.concat(appends)
  }

  #remove(items: Item[]): StreamMessage[] {
    return items.map(({message, bytes}) => {
      this.#bytes -= bytes
      if (isControl(message)) this.#control--
      return message
    })
  }
}

function isControl(message: StreamMessage): boolean {
  return message.kind !== 'append-entries'
}
