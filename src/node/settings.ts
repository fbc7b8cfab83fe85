import type {RaftLimits} from '../raft/config.js'

/** How a node keeps time and when it snapshots. Every duration has its unit in its name. */
export interface NodeSettings {
  /** One tick of the core. 1 to 1,000; default 25. */
  readonly tickMs: number
  /** Between a leader's heartbeats. Default 100. */
  readonly heartbeatMs: number
  /** Smallest election timeout; each draws from this to twice as much. Default 200. */
  readonly electionMs: number
  /** Applied entries since the last snapshot before the next. 0: on demand only. Default 5,000. */
  readonly snapshotEntries: number
  /**
   * Bytes that the log must have grown by besides, or by the last snapshot's size if that is more; by four
   * times as many where entries are fewer. A snapshot frees log only beyond what the log keeps anyway. 0:
   * entries alone count. Default 64 MiB.
   */
  readonly snapshotLogBytesMin: number
  /** With fewer bytes free on its disk a node refuses proposals and leads no longer. Default 256 MiB. */
  readonly lowDiskBytes: number
  /** A snapshot is sent to one peer at so many bytes a second at most. 0: no limit. Default 64 MiB. */
  readonly snapshotBytesPerSecond: number
  /** A snapshot is sent in chunks of so many bytes. 1 to 3 MiB; default 256 KiB. */
  readonly snapshotChunkBytes: number
  readonly limits: Partial<RaftLimits>
}

export const DEFAULT_SETTINGS: NodeSettings = {
  tickMs: 25,
  heartbeatMs: 100,
  electionMs: 200,
  snapshotEntries: 5000,
  snapshotLogBytesMin: 64 * 1024 * 1024,
  lowDiskBytes: 256 * 1024 * 1024,
  snapshotBytesPerSecond: 64 * 1024 * 1024,
  snapshotChunkBytes: 256 * 1024,
  limits: {},
}

export function electionTicks(settings: NodeSettings): number {
  return Math.max(2, Math.round(settings.electionMs / settings.tickMs))
}

export function heartbeatTicks(settings: NodeSettings): number {
  return Math.max(1, Math.round(settings.heartbeatMs / settings.tickMs))
}
