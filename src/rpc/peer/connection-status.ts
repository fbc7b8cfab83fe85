import type {ErrorCode} from '../../errors.js'

/** How this node stands with another member. */
export type PeerConnectionState =
  | 'connected'
  | 'connecting'
  | 'refused'
  | 'wrong-store'
  | 'wrong-cluster'
  | 'blank-data'
  | 'removed'

export interface PeerConnectionStatus {
  readonly address: string
  readonly state: PeerConnectionState
  /** Bytes of messages waiting for the peer. */
  readonly queuedBytes: number
  /** Messages refused or dropped because the queue was full or there was no connection. */
  readonly droppedMessages: number
  /** Of the last question; undefined: not known. */
  readonly roundTripMs: number | undefined
  /** Why it is not connected, where that is known. */
  readonly code: ErrorCode | undefined
  readonly detail: string
}
