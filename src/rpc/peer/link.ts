/**
 * Our own stream to one member:
 *
 *   connecting ──hello answered──▶ connected ──ends──▶ waiting ──50 to 500 ms──▶ connecting
 *       └──refused, unreachable, silent──────────────────▲
 *
 * Every attempt has a connection of its own, so that neither a hanging one nor the channel's own
 * backoff delays the next.
 */
import type {ClientDuplexStream, ServiceError} from '@grpc/grpc-js'
import {RaftctlError} from '../../errors.js'
import type {Member} from '../../raft/membership.js'
import {isAddress} from '../address.js'
import {towardsNode} from '../channel.js'
import type {WireIdentity} from '../codec.js'
import {malformed} from '../codec.js'
import {type PeerFrame, PeerServiceClient} from '../gen/raftctl/v1/peer.js'
import type {ChannelSecurity} from '../security.js'
import {fromServiceError} from '../status.js'
import type {PeerConnectionState} from './connection-status.js'
import {type Acquaintance, checkAnswerer, helloTo, ownIdentity} from './hello.js'
import type {PeerStream} from './stream.js'

const HANDSHAKE_MS = 2000
const BACKOFF_MIN_MS = 50
const BACKOFF_MAX_MS = 500
/** A stream that lasted this long was a good one: the next attempt begins anew. */
const GOOD_MS = 1000

export interface LinkEvents {
  opened(stream: PeerStream): void
  closed(stream: PeerStream): void
  /** May throw a RaftctlError for what no peer of ours would send. */
  received(frame: PeerFrame, stream: PeerStream): void
  /** Once for each reason, however often it repeats. */
  failed(error: RaftctlError): void
}

export class PeerLink {
  readonly #us: Acquaintance
  readonly #security: ChannelSecurity
  readonly #events: LinkEvents
  #member: Member
  #attempt: Attempt | undefined
  #retry: NodeJS.Timeout | undefined
  #failures = 0
  #stopped = false
  #failure: RaftctlError | undefined

  constructor(member: Member, us: Acquaintance, security: ChannelSecurity, events: LinkEvents) {
    this.#member = member
    this.#us = us
    this.#security = security
    this.#events = events
    this.#dial()
  }

  get state(): PeerConnectionState {
    return this.#failure === undefined ? 'connecting' : stateOf(this.#failure)
  }

  /** Why the last attempt failed; undefined once connected. */
  get failure(): RaftctlError | undefined {
    return this.#failure
  }

  /** A new address or store: what was open to the old one ends. */
  update(member: Member): void {
    const same = member.address === this.#member.address && member.storeId === this.#member.storeId
    this.#member = member
    if (same || this.#stopped) return
    this.#failures = 0
    this.#dial()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#retry)
    this.#attempt?.end()
    this.#attempt = undefined
  }

  #dial(): void {
    clearTimeout(this.#retry)
    this.#attempt?.end()
    this.#attempt = undefined
    if (this.#stopped) return
    if (!isAddress(this.#member.address)) {
      const text = `"${this.#member.address}" is not HOST:PORT`
      this.#failure = new RaftctlError('RAFTCTL_USAGE', text)
      return
    }
    const self = ownIdentity(this.#us.host)
    if (self === undefined) {
      // The node is just taking its place.
      this.#later(BACKOFF_MIN_MS)
      return
    }
    const attempt: Attempt = new Attempt(this.#member, self, this.#us, this.#security, {
      ...this.#events,
      opened: stream => {
        this.#failure = undefined
        this.#events.opened(stream)
      },
      failed: error => {
        if (this.#attempt === attempt) this.#failed(error, attempt)
      },
    })
    this.#attempt = attempt
  }

  #failed(error: RaftctlError, attempt: Attempt): void {
    this.#attempt = undefined
    if (this.#stopped) return
    this.#failures = attempt.lastedMs > GOOD_MS ? 0 : this.#failures + 1
    const news = this.#failure?.message !== error.message
    this.#failure = error
    if (news) this.#events.failed(error)
    const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** this.#failures)
    const delayMs = BACKOFF_MIN_MS + Math.random() * (ceiling - BACKOFF_MIN_MS)
    this.#later(delayMs)
  }

  #later(ms: number): void {
    this.#retry = setTimeout(() => this.#dial(), ms)
    this.#retry.unref()
  }
}

/** One connection with one stream, from dialling to its end. */
class Attempt {
  readonly #client: PeerServiceClient
  readonly #call: ClientDuplexStream<PeerFrame, PeerFrame>
  readonly #events: LinkEvents
  readonly #timer: NodeJS.Timeout
  #stream: PeerStream | undefined
  #openedMs = 0
  #ended = false

  constructor(
    member: Member,
    self: WireIdentity,
    us: Acquaintance,
    security: ChannelSecurity,
    events: LinkEvents,
  ) {
    this.#events = events
    this.#client = new PeerServiceClient(...towardsNode(member.address, security))
    this.#call = this.#client.exchange()
    this.#timer = setTimeout(() => this.#fail(silent(member.address)), HANDSHAKE_MS)
    this.#call.on('error', (error: Error) => {
      this.#fail(fromServiceError(error as ServiceError, member.address))
    })
    this.#call.on('end', () => this.#fail(ended(member.address)))
    this.#call.on('data', (frame: PeerFrame) => this.#take(frame, member, us))
    this.#call.write({body: {$case: 'hello', value: helloTo(self, member)}})
  }

  get lastedMs(): number {
    return this.#stream === undefined ? 0 : performance.now() - this.#openedMs
  }

  end(): void {
    if (this.#ended) return
    this.#ended = true
    clearTimeout(this.#timer)
    this.#call.cancel()
    this.#client.close()
    if (this.#stream !== undefined) this.#events.closed(this.#stream)
  }

  #take(frame: PeerFrame, member: Member, us: Acquaintance): void {
    if (this.#ended) return
    const failure = refusalOf(() => {
      if (this.#stream !== undefined) return this.#events.received(frame, this.#stream)
      if (frame.body?.$case !== 'hello') throw malformed('a hello was expected')
      this.#open(checkAnswerer(frame.body.value, member, us))
    })
    if (failure !== undefined) this.#fail(failure)
  }

  #open(identity: WireIdentity): void {
    clearTimeout(this.#timer)
    this.#openedMs = performance.now()
    const stream: PeerStream = {
      identity,
      write: (frame, taken) => {
        this.#call.write(frame, taken)
      },
      close: error => this.#fail(error ?? ended(identity.address)),
    }
    this.#stream = stream
    this.#events.opened(stream)
  }

  #fail(error: RaftctlError): void {
    if (this.#ended) return
    this.end()
    this.#events.failed(error)
  }
}

/** Runs what may refuse; anything but a refusal is a defect and passes. */
export function refusalOf(run: () => void): RaftctlError | undefined {
  try {
    run()
    return undefined
  } catch (error) {
    if (error instanceof RaftctlError) return error
    throw error
  }
}

function stateOf(error: RaftctlError): PeerConnectionState {
  switch (error.code) {
    case 'RAFTCTL_WRONG_CLUSTER':
      return 'wrong-cluster'
    case 'RAFTCTL_WRONG_STORE':
      return 'wrong-store'
    case 'RAFTCTL_BLANK_DATA':
      return 'blank-data'
    case 'RAFTCTL_MEMBER_REMOVED':
      return 'removed'
    case 'RAFTCTL_UNREACHABLE':
      return error.details.reason === 'refused' ? 'refused' : 'connecting'
    case 'RAFTCTL_TIMED_OUT':
    case 'RAFTCTL_INTERRUPTED':
      return 'connecting'
    default:
      return 'refused'
  }
}

function silent(address: string): RaftctlError {
  return new RaftctlError('RAFTCTL_TIMED_OUT', `${address} did not answer in ${HANDSHAKE_MS} ms`)
}

function ended(address: string): RaftctlError {
  return new RaftctlError('RAFTCTL_UNREACHABLE', `the stream with ${address} has ended`)
}
