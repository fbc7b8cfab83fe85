import {Channel, type ChannelOptions, connectivityState} from '@grpc/grpc-js'
import {RaftctlError} from '../errors.js'
import {isAddress} from '../rpc/address.js'
import {ClusterServiceClient} from '../rpc/gen/raftctl/v1/cluster.js'
import {KeyValueServiceClient} from '../rpc/gen/raftctl/v1/kv.js'
import {LogServiceClient} from '../rpc/gen/raftctl/v1/log.js'
import {MetricsServiceClient} from '../rpc/gen/raftctl/v1/metrics.js'
import {SnapshotServiceClient} from '../rpc/gen/raftctl/v1/snapshot.js'
import {type ChannelSecurity, PLAIN_TEXT} from '../rpc/security.js'
import {interrupted} from './deadline.js'

const CHANNEL_OPTIONS: ChannelOptions = {
  // An http_proxy variable would send calls for nodes to a proxy.
  'grpc.enable_http_proxy': 0,
  // With the defaults (1 s and more) a restarted node stays "unavailable" long after it is up.
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.min_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 500,
  // This client retries itself: only it knows what may be sent twice.
  'grpc.enable_retries': 0,
  'grpc.max_receive_message_length': 16 * 1024 * 1024,
  'grpc.max_send_message_length': 16 * 1024 * 1024,
  'grpc-node.flow_control_window': 1024 * 1024,
}

/** One channel to one node, shared by the clients of all its services. */
export interface NodeConnection {
  readonly address: string
  readonly cluster: ClusterServiceClient
  readonly kv: KeyValueServiceClient
  readonly log: LogServiceClient
  readonly snapshots: SnapshotServiceClient
  readonly metrics: MetricsServiceClient
  /**
   * Resolves when the connection stands; rejects with RAFTCTL_UNREACHABLE when it was refused or
   * took longer than `ms`. Nothing has been sent to the node's services when it rejects.
   */
  ready(ms: number, signal?: AbortSignal): Promise<void>
}

/** The channels of one client, made on first use, closed together. */
export class Connections {
  readonly #open = new Map<string, {connection: NodeConnection; channel: Channel}>()
  readonly #security: ChannelSecurity
  #closed = false

  constructor(security: ChannelSecurity = PLAIN_TEXT) {
    this.#security = security
  }

  /** The address is host:port; anything else is RAFTCTL_USAGE. */
  to(address: string): NodeConnection {
    if (this.#closed) throw new RaftctlError('RAFTCTL_UNEXPECTED', 'the client is closed')
    const known = this.#open.get(address)
    if (known) return known.connection

    checkAddress(address)
    const {interceptors} = this.#security
    const credentials = this.#security.credentials(address)
    const channel = new Channel(`dns:${address}`, credentials, {
      ...CHANNEL_OPTIONS,
      ...this.#security.channelOptions(address),
    })
    const options = {channelOverride: channel, interceptors}
    const connection: NodeConnection = {
      address,
      cluster: new ClusterServiceClient(address, credentials, options),
      kv: new KeyValueServiceClient(address, credentials, options),
      log: new LogServiceClient(address, credentials, options),
      snapshots: new SnapshotServiceClient(address, credentials, options),
      metrics: new MetricsServiceClient(address, credentials, options),
      ready: (ms, signal) => whenReady(channel, address, ms, signal),
    }
    this.#open.set(address, {connection, channel})
    return connection
  }

  close(): void {
    this.#closed = true
    for (const {channel} of this.#open.values()) channel.close()
    this.#open.clear()
  }
}

/** Throws RAFTCTL_USAGE for what can't be dialled. */
export function checkAddress(address: string): void {
  if (isAddress(address)) return
  throw new RaftctlError('RAFTCTL_USAGE', `"${address}" is no address`, {
    hint: 'An address is HOST:PORT, such as 127.0.0.1:7400 or [::1]:7400.',
  })
}

async function whenReady(
  channel: Channel,
  address: string,
  ms: number,
  signal?: AbortSignal,
): Promise<void> {
  const end = Date.now() + ms
  for (let first = true; ; first = false) {
    if (signal?.aborted) throw interrupted()
    const state = channel.getConnectivityState(true)
    if (state === connectivityState.READY) return
    // A failure found at first may be old news: give the attempt just asked for a chance.
    const failed = state === connectivityState.TRANSIENT_FAILURE && !first
    if (failed || state === connectivityState.SHUTDOWN || Date.now() >= end) {
      throw new RaftctlError('RAFTCTL_UNREACHABLE', `no connection to ${address}`)
    }
    await stateChange(channel, state, Math.min(end, Date.now() + 250))
  }
}

function stateChange(channel: Channel, from: connectivityState, until: number): Promise<void> {
  return new Promise(resolve => {
    channel.watchConnectivityState(from, new Date(until), () => resolve())
  })
}
