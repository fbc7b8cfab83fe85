import type {RaftctlError} from '../../errors.js'
import type {NodeId} from '../../raft/types.js'
import type {WireIdentity} from '../codec.js'
import {malformed, toWireNumber} from '../codec.js'
import type {PeerFrame} from '../gen/raftctl/v1/peer.js'
import {batchFromWire, messageToWire, type StreamMessage} from './message-codec.js'

/** An open stream with a peer whose hello was checked; which side opened it no longer matters. */
export interface PeerStream {
  readonly identity: WireIdentity
  /** `taken` is called once the transport has the frame; it may never be when the stream ends. */
  write(frame: PeerFrame, taken: () => void): void
  /** Ends it; with an error, the peer is told where that is possible. */
  close(error?: RaftctlError): void
}

/** A frame of messages of one group. */
export function batchFrame(messages: readonly StreamMessage[]): PeerFrame {
  const groupId = toWireNumber(messages[0]?.groupId ?? 0)
  return {body: {$case: 'batch', value: {groupId, messages: messages.map(messageToWire)}}}
}

/** The messages of a frame that `from` sent to `to`; throws for anything else. */
export function messagesOf(frame: PeerFrame, from: NodeId, to: NodeId): StreamMessage[] {
  if (frame.body?.$case !== 'batch') throw malformed('a batch was expected')
  const messages = batchFromWire(frame.body.value)
  for (const message of messages) {
    if (message.from !== from) throw malformed(`node ${from} speaks for node ${message.from}`)
    if (message.to !== to) throw malformed(`a message for node ${message.to} came to node ${to}`)
  }
  return messages
}
