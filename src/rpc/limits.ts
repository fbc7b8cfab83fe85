/**
 * What a stranger can send at most, and what peers send each other. Bytes unless named otherwise.
 * raftctl-network(7) lists what others can notice; a test compares them.
 */

/** One gRPC message in either direction. One append must fit: it may not exceed half of this. */
export const FRAME_BYTES_MAX = 8 * 1024 * 1024
/** About where a batch of peer messages is split. */
export const BATCH_BYTES = 1024 * 1024
/** Messages in one batch of a peer; ours are far smaller. */
export const BATCH_MESSAGES_MAX = 16_384
/** Messages waiting for one peer. */
export const QUEUE_BYTES_MAX = 16 * 1024 * 1024
/** Small messages that are kept even when the queue is full, and while there is no connection. */
export const QUEUE_CONTROL_MAX = 1024
export const SNAPSHOT_CHUNK_BYTES = 256 * 1024
/** Chunks sent and not yet acknowledged. */
export const SNAPSHOT_CHUNKS_IN_FLIGHT = 4
/** One page of `LogEntriesRange`. */
export const LOG_PAGE_BYTES = 256 * 1024

/** Connections to the port, all together. Beyond it new ones are closed. */
export const CONNECTIONS_MAX = 4096
/**
 * Connections without an accepted call, beyond which the oldest of them is cut: strangers compete
 * with strangers for places, never with those who have shown who they are.
 */
export const UNPROVEN_CONNECTIONS_MAX = 256
/** How long a connection may last without an accepted call, milliseconds. */
export const UNPROVEN_MS_MAX = 30_000
/** Refused calls on a connection without an accepted one, after which it is cut. */
export const REFUSED_CALLS_MAX = 100
/** Calls at a time on one connection. */
export const STREAMS_MAX = 1024
/** Headers of one call, names and values; the HTTP/2 library takes 128 pairs of them at most. */
export const HEADER_BYTES_MAX = 16 * 1024
/** From the start of a call to the end of its first message, milliseconds. */
export const FIRST_MESSAGE_MS_MAX = 10_000
/** A TLS handshake, milliseconds. */
export const HANDSHAKE_MS_MAX = 5000
/** Of the HTTP port: connections, those that have shown nothing yet, and milliseconds of a request. */
export const METRICS_CONNECTIONS_MAX = 256
export const METRICS_UNPROVEN_CONNECTIONS_MAX = 32
export const METRICS_REQUEST_MS_MAX = 5000
/** A connection is asked for a sign of life this often, and cut without one, milliseconds. */
export const KEEPALIVE_MS = 2000
export const KEEPALIVE_ANSWER_MS = 3000
/** Characters of a token; longer ones are not looked at. */
export const TOKEN_LENGTH_MAX = 1024
/** Lines and bytes of a file of tokens. */
export const TOKEN_LINES_MAX = 10_000
export const TOKEN_FILE_BYTES_MAX = 1024 * 1024
