/** What a stranger can send at most, and what peers send each other. Bytes unless named otherwise. */

/** One gRPC message in either direction. One append must fit: it may not exceed half of this. */
export const FRAME_BYTES_MAX = 8 * 1024 * 1024
/** About where a batch of peer messages is split. */
export const BATCH_BYTES = 1024 * 1024
/** Messages waiting for one peer. */
export const QUEUE_BYTES_MAX = 16 * 1024 * 1024
/** Small messages that are kept even when the queue is full, and while there is no connection. */
export const QUEUE_CONTROL_MAX = 1024
export const SNAPSHOT_CHUNK_BYTES = 256 * 1024
/** Chunks sent and not yet acknowledged. */
export const SNAPSHOT_CHUNKS_IN_FLIGHT = 4
/** One page of `LogEntriesRange`. */
export const LOG_PAGE_BYTES = 256 * 1024
