import type {StreamMessage} from './message-codec.js'
import {PeerQueue} from './queue.js'
import {batchFrame, type PeerStream} from './stream.js'

/** Control messages kept for a peer that is not connected. */
const OFFLINE_KEPT = 64

/**
 * Messages on their way to one peer. One frame is with the transport at a time: what is pushed at once
 * or gathers meanwhile leaves together, and a slow peer fills this queue rather than the transport's
 * buffers.
 */
export class Outbox {
  readonly queue = new PeerQueue()
  /** The one that the peer opened is preferred: on it, the receiver's window is large. */
  #streams: {theirs?: PeerStream; ours?: PeerStream} = {}
  #writing: PeerStream | undefined
  #scheduled = false

  get theirs(): PeerStream | undefined {
    return this.#streams.theirs
  }

  get ours(): PeerStream | undefined {
    return this.#streams.ours
  }

  /** What messages leave on. */
  get outlet(): PeerStream | undefined {
    return this.#streams.theirs ?? this.#streams.ours
  }

  opened(side: 'theirs' | 'ours', stream: PeerStream): void {
    this.#streams[side] = stream
    this.#schedule()
  }

  /** Nothing happens unless it is the current one. */
  closed(side: 'theirs' | 'ours', stream: PeerStream): void {
    if (this.#streams[side] === stream) delete this.#streams[side]
    if (this.#writing === stream) this.#writing = undefined
    this.#schedule()
  }

  push(message: StreamMessage): void {
    this.queue.push(message)
    if (this.outlet === undefined) this.#trim()
    else this.#schedule()
  }

  #trim(): void {
    this.queue.dropAppends()
    this.queue.dropOldest(OFFLINE_KEPT)
  }

  #schedule(): void {
    if (this.#scheduled || this.#writing !== undefined || this.queue.length === 0) return
    this.#scheduled = true
    // Not in another turn of the event loop: whoever pushes has gathered a turn's messages already.
    queueMicrotask(() => {
      this.#scheduled = false
      this.#pump()
    })
  }

  #pump(): void {
    if (this.#writing !== undefined) return
    const stream = this.outlet
    if (stream === undefined) {
      this.#trim()
      return
    }
    const messages = this.queue.takeBatch()
    if (messages.length === 0) return
    this.#writing = stream
    stream.write(batchFrame(messages), () => {
      if (this.#writing !== stream) return
      this.#writing = undefined
      this.#pump()
    })
  }
}
