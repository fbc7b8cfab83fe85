import type * as grpc from '@grpc/grpc-js'
import {FRAME_BYTES_MAX} from './limits.js'
import type {ChannelSecurity} from './security.js'

/** Between nodes. */
const NODE_CHANNEL_OPTIONS: grpc.ChannelOptions = {
  // Or an http_proxy variable would send peers through a proxy.
  'grpc.enable_http_proxy': 0,
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.min_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 500,
  'grpc.dns_min_time_between_resolutions_ms': 500,
  'grpc.keepalive_time_ms': 2000,
  'grpc.keepalive_timeout_ms': 3000,
  // A retry below us would send messages again that Raft has long given up.
  'grpc.enable_retries': 0,
  'grpc.max_receive_message_length': FRAME_BYTES_MAX,
  // Entries flow from the server to the client: the client's window is the one that can be set.
  'grpc-node.flow_control_window': 4 * 1024 * 1024,
  // Each connection is its own, so that bulk on one never waits behind another.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.service_config_disable_resolution': 1,
  'grpc.enable_channelz': 0,
}

/** What the clients of another node's services are made with. */
export function towardsNode(
  address: string,
  security: ChannelSecurity,
): [string, grpc.ChannelCredentials, grpc.ClientOptions] {
  const {interceptors} = security
  const options = {...NODE_CHANNEL_OPTIONS, ...security.channelOptions(address), interceptors}
  return [address, security.credentials(address), options]
}
