import type {ServerDuplexStream} from '@grpc/grpc-js'
import {RaftctlError} from '../../errors.js'
import {malformed, type WireIdentity} from '../codec.js'
import type {PeerFrame} from '../gen/raftctl/v1/peer.js'
import {type Acquaintance, checkOpener, helloTo, ownIdentity} from './hello.js'
import {refusalOf} from './link.js'
import type {PeerStream} from './stream.js'

const HANDSHAKE_MS = 5000

export interface ExchangeEvents {
  opened(stream: PeerStream): void
  closed(stream: PeerStream): void
  /** May throw a RaftctlError for what no peer of ours would send. */
  received(frame: PeerFrame, stream: PeerStream): void
}

/** Answers a stream that a peer opens: its hello first, ours in return, then messages both ways. */
export function answerExchange(
  call: ServerDuplexStream<PeerFrame, PeerFrame>,
  us: Acquaintance,
  events: ExchangeEvents,
): void {
  let stream: PeerStream | undefined
  let over = false

  const finish = (error?: RaftctlError) => {
    if (over) return
    over = true
    clearTimeout(timer)
    if (stream !== undefined) events.closed(stream)
    if (error === undefined) call.end()
    else call.emit('error', error)
    // What it still sends is read and dropped, so that its status can get through.
    call.resume()
  }
  const timer = setTimeout(() => {
    finish(new RaftctlError('RAFTCTL_TIMED_OUT', `no hello came within ${HANDSHAKE_MS} ms`))
  }, HANDSHAKE_MS)

  const open = (identity: WireIdentity) => {
    clearTimeout(timer)
    const self = ownIdentity(us.host)!
    const {nodeId: id, storeId} = identity
    call.write({body: {$case: 'hello', value: helloTo(self, {id, storeId})}})
    stream = {
      identity,
      write: (frame, taken) => {
        call.write(frame, taken)
      },
      close: finish,
    }
    events.opened(stream)
  }

  call.on('data', (frame: PeerFrame) => {
    if (over) return
    const failure = refusalOf(() => {
      if (stream !== undefined) return events.received(frame, stream)
      if (frame.body?.$case !== 'hello') throw malformed('a hello was expected')
      open(checkOpener(frame.body.value, us))
    })
    if (failure !== undefined) finish(failure)
  })
  call.on('end', () => finish())
  call.on('cancelled', () => finish())
  call.on('close', () => finish())
  call.on('error', () => {})
}
