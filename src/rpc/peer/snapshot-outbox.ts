import {setTimeout as delay} from 'node:timers/promises'
import type {ClientDuplexStream, ServiceError} from '@grpc/grpc-js'
import {RaftctlError} from '../../errors.js'
import type {SnapshotInfo, SnapshotStore} from '../../node/ports.js'
import type {Member} from '../../raft/membership.js'
import type {InstallSnapshot} from '../../raft/messages.js'
import {towardsNode} from '../channel.js'
import {asBuffer, toSafeNumber, toWireNumber} from '../codec.js'
import {
  PeerServiceClient,
  type SnapshotFrame,
  type SnapshotProgress,
} from '../gen/raftctl/v1/peer.js'
import {SNAPSHOT_CHUNKS_IN_FLIGHT} from '../limits.js'
import type {ChannelSecurity} from '../security.js'
import {fromServiceError} from '../status.js'
import {type Acquaintance, helloTo, ownIdentity} from './hello.js'
import {snapshotHeaderToWire} from './message-codec.js'
import {Pace} from './pace.js'

/** Verifying and syncing a large file at the receiver's end takes its time. */
const SILENCE_MAX_MS = 60_000

export interface SnapshotSending {
  readonly member: Member
  readonly message: InstallSnapshot
  readonly snapshots: SnapshotStore
  readonly us: Acquaintance
  readonly security: ChannelSecurity
  readonly signal: AbortSignal
  /** 0: no limit. */
  readonly bytesPerSecond: number
  /** At most 3 MiB, which is what a receiver takes. */
  readonly chunkBytes: number
}

/**
 * Sends the newest snapshot, going on where the receiver already is. Resolves when the receiver has
 * it whole, verified and handed to its Raft.
 */
export async function sendSnapshotFile(sending: SnapshotSending): Promise<void> {
  const {member, message, snapshots, us, security, signal, bytesPerSecond, chunkBytes} = sending
  const info = snapshots.latest()
  const self = ownIdentity(us.host)
  if (info === undefined || self === undefined) {
    throw new RaftctlError('RAFTCTL_SNAPSHOT_NOT_FOUND', 'there is no snapshot to send')
  }
  signal.throwIfAborted()
  const {index, term, membership} = info
  const current: InstallSnapshot = {...message, snapshot: {index, term, membership}}
  const header = snapshotHeaderToWire(current, info.id, info.bytes, helloTo(self, member))

  const client = new PeerServiceClient(...towardsNode(member.address, security))
  const call = client.installSnapshot()
  const receiver = new Receiver(call, member.address)
  const stop = () => receiver.fail(new RaftctlError('RAFTCTL_NODE_STOPPED', 'this node stops'))
  signal.addEventListener('abort', stop, {once: true})
  try {
    call.write({body: {$case: 'header', value: header}})
    await receiver.answered()
    await sendChunks(call, receiver, snapshots, info, new Pace(bytesPerSecond), chunkBytes)
    call.end()
    await receiver.done()
  } finally {
    signal.removeEventListener('abort', stop)
    receiver.close()
    call.cancel()
    client.close()
  }
}

async function sendChunks(
  call: ClientDuplexStream<SnapshotFrame, SnapshotProgress>,
  receiver: Receiver,
  snapshots: SnapshotStore,
  info: SnapshotInfo,
  pace: Pace,
  chunkBytes: number,
): Promise<void> {
  let offset = receiver.offset
  if (offset >= info.bytes) return
  for await (const chunk of snapshots.read(info.id, offset, chunkBytes)) {
    const value = {offset: toWireNumber(offset), data: asBuffer(chunk)}
    call.write({body: {$case: 'chunk', value}})
    offset += chunk.length
    const waitMs = pace.take(chunk.length, performance.now())
    if (waitMs > 0) await delay(waitMs)
    await receiver.reached(offset - chunkBytes * (SNAPSHOT_CHUNKS_IN_FLIGHT - 1))
  }
}

/** What the other end has said so far, and waiting for it to say more. */
class Receiver {
  offset = 0
  readonly #address: string
  #answered = false
  #done = false
  #failure: RaftctlError | undefined
  #wake: () => void = () => {}
  #timer: NodeJS.Timeout | undefined

  constructor(call: ClientDuplexStream<SnapshotFrame, SnapshotProgress>, address: string) {
    this.#address = address
    call.on('data', (progress: SnapshotProgress) => this.#take(progress))
    call.on('error', (error: Error) => this.fail(fromServiceError(error as ServiceError, address)))
    call.on('end', () => this.fail(cut(address)))
    this.#listenForSilence()
  }

  answered(): Promise<void> {
    return this.#until(() => this.#answered)
  }

  reached(offset: number): Promise<void> {
    return this.#until(() => this.offset >= offset)
  }

  done(): Promise<void> {
    return this.#until(() => this.#done)
  }

  fail(error: RaftctlError): void {
    // After "done" the stream only ends.
    if (!this.#done) this.#failure ??= error
    this.#wake()
  }

  close(): void {
    clearTimeout(this.#timer)
  }

  #take(progress: SnapshotProgress): void {
    this.#listenForSilence()
    this.#answered = true
    try {
      this.offset = toSafeNumber(progress.offset)
    } catch {
      this.fail(cut(this.#address))
    }
    this.#done ||= progress.done
    this.#wake()
  }

  #listenForSilence(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      const text = `${this.#address} took no part of a snapshot for ${SILENCE_MAX_MS} ms`
      this.fail(new RaftctlError('RAFTCTL_TIMED_OUT', text))
    }, SILENCE_MAX_MS)
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.#failure !== undefined) throw this.#failure
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }
}

function cut(address: string): RaftctlError {
  return new RaftctlError('RAFTCTL_UNREACHABLE', `the snapshot stream to ${address} was cut`)
}
