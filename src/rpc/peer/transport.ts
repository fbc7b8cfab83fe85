import {RaftctlError} from '../../errors.js'
import type {NodeHost} from '../../node/api.js'
import type {Durations} from '../../node/histogram.js'
import type {SnapshotStore, Transport} from '../../node/ports.js'
import type {Member, Membership} from '../../raft/membership.js'
import type {InstallSnapshot, Message} from '../../raft/messages.js'
import type {NodeId} from '../../raft/types.js'
import {type PeerFrame, type PeerServiceServer, PeerServiceService} from '../gen/raftctl/v1/peer.js'
import type {ServiceEntry} from '../handler.js'
import {SNAPSHOT_CHUNK_BYTES} from '../limits.js'
import {type LogSink, NO_LOG} from '../log.js'
import {type ChannelSecurity, PLAIN_TEXT} from '../security.js'
import type {PeerConnectionStatus} from './connection-status.js'
import {answerExchange} from './exchange.js'
import type {Acquaintance} from './hello.js'
import {PeerLink} from './link.js'
import {Outbox} from './outbox.js'
import {RoundTrips} from './round-trips.js'
import {SnapshotInbox} from './snapshot-inbox.js'
import {sendSnapshotFile} from './snapshot-outbox.js'
import {messagesOf, type PeerStream} from './stream.js'

/** How long a member that is gone is still talked to: it has yet to hear that it is. */
const LINGER_MS = 5000
/** How often each peer's round trip is measured. */
const PING_MS = 1000

export interface PeerTransportOptions {
  /** Read at each use: the transport is made before the node that it serves. */
  readonly host: () => NodeHost
  /** undefined while pristine. */
  readonly snapshots: () => SnapshotStore | undefined
  /** Default plain text. */
  readonly security?: ChannelSecurity
  /** Of a snapshot on its way to one peer; default 0, no limit. */
  readonly snapshotBytesPerSecond?: number
  /** Of a snapshot, in one message; at most 3 MiB, default 256 KiB. */
  readonly snapshotChunkBytes?: number
  readonly log?: LogSink
}

interface Peer {
  readonly outbox: Outbox
  member: Member | undefined
  link: PeerLink | undefined
  linger: NodeJS.Timeout | undefined
}

/** Everything between the nodes of one cluster. */
export class PeerTransport implements Transport {
  readonly #options: PeerTransportOptions
  readonly #security: ChannelSecurity
  readonly #log: LogSink
  readonly #peers = new Map<NodeId, Peer>()
  readonly #inbox: SnapshotInbox
  readonly #sending = new Map<NodeId, Promise<void>>()
  readonly #stopping = new AbortController()
  readonly #roundTrips = new RoundTrips()
  readonly #pinging: NodeJS.Timeout

  constructor(options: PeerTransportOptions) {
    this.#options = options
    this.#security = options.security ?? PLAIN_TEXT
    this.#log = options.log ?? NO_LOG
    this.#inbox = new SnapshotInbox(this.#acquaintance, options.snapshots)
    this.#pinging = setInterval(() => this.#ping(), PING_MS)
    this.#pinging.unref()
  }

  send(messages: readonly Message[]): void {
    for (const message of messages) {
      // A snapshot has its own stream: sendSnapshot.
      if (message.kind === 'install-snapshot') continue
      this.#peers.get(message.to)?.outbox.push(message)
    }
  }

  /** One at a time to each peer: a second call is the first. */
  sendSnapshot(to: NodeId, message: InstallSnapshot): Promise<void> {
    const running = this.#sending.get(to)
    if (running !== undefined) return running
    const sending = this.#sendSnapshot(to, message).finally(() => this.#sending.delete(to))
    this.#sending.set(to, sending)
    return sending
  }

  setMembership(membership: Membership): void {
    if (this.#stopping.signal.aborted) return
    const {identity, storeId} = this.#options.host()
    const named = new Set<NodeId>()
    for (const member of membership.members) {
      if (member.id === identity?.nodeId || member.storeId === storeId) continue
      named.add(member.id)
      this.#connect(member)
    }
    for (const [id, peer] of this.#peers) {
      if (!named.has(id) && peer.member !== undefined) this.#letGo(id, peer)
    }
  }

  /** Of short messages, to any peer and back. */
  get roundTrip(): Durations {
    return this.#roundTrips.durations
  }

  /** How this node stands with each member, for status. */
  connections(): Map<NodeId, PeerConnectionStatus> {
    const statuses = new Map<NodeId, PeerConnectionStatus>()
    for (const [id, {member, link, outbox}] of this.#peers) {
      if (member === undefined) continue
      const open = outbox.ours !== undefined || outbox.theirs !== undefined
      const failure = outbox.ours === undefined ? link?.failure : undefined
      statuses.set(id, {
        address: member.address,
        state: open ? 'connected' : (link?.state ?? 'connecting'),
        queuedBytes: outbox.queue.bytes,
        droppedMessages: outbox.queue.dropped,
        roundTripMs: this.#roundTrips.lastMs(id),
        code: failure?.code,
        detail: failure?.message ?? '',
      })
    }
    return statuses
  }

  service(): ServiceEntry {
    const handlers: PeerServiceServer = {
      exchange: call => {
        answerExchange(call, this.#acquaintance, {
          opened: stream => this.#opened('theirs', stream),
          closed: stream => this.#closed('theirs', stream),
          received: (frame, stream) => this.#received(frame, stream),
        })
      },
      installSnapshot: call => this.#inbox.answer(call),
    }
    return {definition: PeerServiceService, handlers}
  }

  /** Ends every stream; nothing is sent or received any more. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    clearInterval(this.#pinging)
    for (const {link, outbox, linger} of this.#peers.values()) {
      clearTimeout(linger)
      link?.stop()
      outbox.theirs?.close()
      outbox.queue.clear()
    }
    this.#peers.clear()
    await this.#inbox.stop()
    await Promise.allSettled(this.#sending.values())
  }

  readonly #acquaintance: Acquaintance = makeAcquaintance(
    () => this.#options.host(),
    id => this.#peers.get(id),
  )

  #connect(member: Member): void {
    const peer = this.#peerOf(member.id)
    clearTimeout(peer.linger)
    peer.linger = undefined
    peer.member = member
    if (peer.link !== undefined) peer.link.update(member)
    else {
      peer.link = new PeerLink(member, this.#acquaintance, this.#security, {
        opened: stream => this.#opened('ours', stream),
        closed: stream => this.#closed('ours', stream),
        received: (frame, stream) => this.#received(frame, stream),
        failed: ({code, message}) =>
          this.#log('warn', 'no connection to a member', {member: member.id, code, message}),
      })
    }
  }

  #letGo(id: NodeId, peer: Peer): void {
    peer.member = undefined
    peer.linger = setTimeout(() => {
      peer.link?.stop()
      peer.link = undefined
      this.#forgetIfIdle(id)
    }, LINGER_MS)
    peer.linger.unref()
  }

  #peerOf(id: NodeId): Peer {
    let peer = this.#peers.get(id)
    if (peer === undefined) {
      peer = {outbox: new Outbox(), member: undefined, link: undefined, linger: undefined}
      this.#peers.set(id, peer)
    }
    return peer
  }

  #forgetIfIdle(id: NodeId): void {
    const peer = this.#peers.get(id)
    if (peer?.link !== undefined || peer?.outbox.theirs !== undefined) return
    this.#peers.delete(id)
    this.#roundTrips.forget(id)
  }

  #opened(side: 'theirs' | 'ours', stream: PeerStream): void {
    if (this.#stopping.signal.aborted) {
      stream.close()
      return
    }
    const {nodeId, address} = stream.identity
    const {outbox} = this.#peerOf(nodeId)
    const earlier = outbox[side]
    outbox.opened(side, stream)
    // The same process has opened another: it no longer uses the one before.
    earlier?.close()
    if (side === 'ours') this.#log('info', 'connected to a member', {member: nodeId, address})
  }

  #ping(): void {
    for (const [id, {outbox}] of this.#peers) {
      if (outbox.outlet !== undefined) this.#roundTrips.ask(id, outbox.outlet)
    }
  }

  #closed(side: 'theirs' | 'ours', stream: PeerStream): void {
    const {nodeId} = stream.identity
    this.#roundTrips.forget(nodeId)
    this.#peers.get(nodeId)?.outbox.closed(side, stream)
    this.#forgetIfIdle(nodeId)
  }

  #received(frame: PeerFrame, stream: PeerStream): void {
    const {identity, runtime} = this.#options.host()
    if (identity === undefined) return
    if (this.#roundTrips.take(frame, stream.identity.nodeId, stream)) return
    const messages = messagesOf(frame, stream.identity.nodeId, identity.nodeId)
    // Not guarded: a broken invariant stops the node, whoever's message showed it.
    runtime?.step(messages)
  }

  async #sendSnapshot(to: NodeId, message: InstallSnapshot): Promise<void> {
    const member = this.#peers.get(to)?.member
    const snapshots = this.#options.snapshots()
    if (member === undefined || snapshots === undefined) {
      throw new RaftctlError('RAFTCTL_MEMBER_NOT_FOUND', `node ${to} is no member to send to`)
    }
    await sendSnapshotFile({
      member,
      message,
      snapshots,
      us: this.#acquaintance,
      security: this.#security,
      signal: this.#stopping.signal,
      bytesPerSecond: this.#options.snapshotBytesPerSecond ?? 0,
      chunkBytes: this.#options.snapshotChunkBytes ?? SNAPSHOT_CHUNK_BYTES,
    })
  }
}

function makeAcquaintance(
  host: () => NodeHost,
  peerOf: (id: NodeId) => Peer | undefined,
): Acquaintance {
  return {
    get host() {
      return host()
    },
    memberOf: id => peerOf(id)?.member,
    liveNonceOf(id) {
      const outbox = peerOf(id)?.outbox
      return (outbox?.theirs ?? outbox?.ours)?.identity.processNonce
    },
  }
}
