import {Histogram} from '../../node/histogram.js'
import type {NodeId} from '../../raft/types.js'
import type {PeerFrame} from '../gen/raftctl/v1/peer.js'
import type {PeerStream} from './stream.js'

/** Without an answer for so long, the question counts as lost. */
const PATIENCE_MS = 10_000

interface Question {
  readonly number: bigint
  readonly askedMs: number
}

/** How long the peers take to answer: one question at a time to each, on the stream of messages. */
export class RoundTrips {
  readonly durations = new Histogram(performance.now())
  readonly #asked = new Map<NodeId, Question>()
  readonly #lastMs = new Map<NodeId, number>()
  #number = 0n

  /** undefined before the first answer. */
  lastMs(peer: NodeId): number | undefined {
    return this.#lastMs.get(peer)
  }

  ask(peer: NodeId, stream: PeerStream): void {
    const nowMs = performance.now()
    const waiting = this.#asked.get(peer)
    if (waiting !== undefined && nowMs - waiting.askedMs < PATIENCE_MS) return
    this.#number++
    this.#asked.set(peer, {number: this.#number, askedMs: nowMs})
    stream.write({body: {$case: 'ping', value: this.#number}}, () => {})
  }

  /** Answers a question, or takes an answer; false for any other frame. */
  take(frame: PeerFrame, peer: NodeId, stream: PeerStream): boolean {
    const {body} = frame
    if (body?.$case === 'ping') {
      stream.write({body: {$case: 'pong', value: body.value}}, () => {})
      return true
    }
    if (body?.$case !== 'pong') return false
    const question = this.#asked.get(peer)
    if (question?.number !== body.value) return true
    const nowMs = performance.now()
    const ms = nowMs - question.askedMs
    this.#asked.delete(peer)
    this.#lastMs.set(peer, ms)
    this.durations.observe(ms, nowMs)
    return true
  }

  forget(peer: NodeId): void {
    this.#asked.delete(peer)
    this.#lastMs.delete(peer)
  }
}
