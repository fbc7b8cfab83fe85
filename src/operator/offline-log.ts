/** The log of a data directory, read without a node, a lock or a change. */
import {RaftctlError} from '../errors.js'
import {entryData} from '../raft/entry.js'
import {groupId, type LogIndex} from '../raft/types.js'
import {groupPaths, readIdentity} from '../storage/data-directory.js'
import type {FileSystem} from '../storage/file-system.js'
import {NodeFileSystem} from '../storage/node-file-system.js'
import {readWal, type WalView} from '../storage/wal/wal-reader.js'
import {type LoggedEntry, type LogRecord, recordOf} from './log-dump.js'

export interface OfflineDumpOptions {
  /** undefined: the first available. */
  readonly from?: number | undefined
  /** undefined: the end. */
  readonly to?: number | undefined
  /** Beyond the commit record too: entries that may still be replaced. */
  readonly uncommitted?: boolean | undefined
}

const PAGE_ENTRIES = 256
const PAGE_BYTES = 256 * 1024

/**
 * Entries in order, in pages, up to the commit record, in memory that does not grow with the log.
 * RAFTCTL_LOG_COMPACTED, RAFTCTL_FILE_NOT_FOUND, RAFTCTL_DATA_DAMAGED, RAFTCTL_FORMAT_NEWER.
 */
export async function* dumpOfflineLog(
  dataDir: string,
  {from, to = Number.MAX_SAFE_INTEGER, uncommitted = false}: OfflineDumpOptions,
): AsyncGenerator<readonly LoggedEntry[]> {
  const log = await openLog(new NodeFileSystem(), dataDir)
  try {
    const {firstIndex, lastIndex} = log
    const {commitIndex} = log.hardState
    if (from !== undefined && from < firstIndex) throw compacted(from, firstIndex, dataDir)
    const end = Math.min(to, uncommitted ? lastIndex : commitIndex)
    let page: LoggedEntry[] = []
    let bytes = 0
    for (const entry of log.entries((from ?? firstIndex) as LogIndex, end as LogIndex)) {
      const {index, term, kind, record} = entry
      const committed = index <= commitIndex
      page.push({index, term, kind, data: entryData(entry), committed})
      bytes += record.length
      if (page.length < PAGE_ENTRIES && bytes < PAGE_BYTES) continue
      yield page
      page = []
      bytes = 0
    }
    if (page.length > 0) yield page
  } finally {
    log.close()
  }
}

/** The same, decoded, one by one. */
export async function* offlineRecords(
  dataDir: string,
  options: OfflineDumpOptions,
): AsyncGenerator<LogRecord> {
  for await (const page of dumpOfflineLog(dataDir, options)) {
    for (const entry of page) yield recordOf(entry)
  }
}

export interface LogVerification {
  readonly dataDir: string
  /** null where node.json is absent. */
  readonly clusterId: string | null
  readonly memberId: number | null
  readonly firstIndex: number
  readonly lastIndex: number
  readonly commitIndex: number
  readonly term: number
  readonly segments: number
  readonly sizeBytes: number
  /** Stopped cleanly, and not written to since. */
  readonly sealed: boolean
  /** Behind the last whole batch: being written just now, or left by a crash. */
  readonly tornBytes: number
}

/**
 * Checks every checksum of the log, and node.json. RAFTCTL_DATA_DAMAGED names file, offset and index;
 * RAFTCTL_FILE_NOT_FOUND, RAFTCTL_FORMAT_NEWER.
 */
export async function verifyOfflineLog(dataDir: string): Promise<LogVerification> {
  const fs = new NodeFileSystem()
  const log = await openLog(fs, dataDir)
  try {
    const identity = readIdentity(fs, dataDir)
    const {firstIndex, lastIndex, hardState, segments, sizeBytes} = log
    return {
      dataDir,
      clusterId: identity?.clusterId ?? null,
      memberId: identity?.nodeId ?? null,
      firstIndex,
      lastIndex,
      commitIndex: Math.min(hardState.commitIndex, lastIndex),
      term: hardState.term,
      segments,
      sizeBytes,
      sealed: log.isSealed,
      tornBytes: log.tornBytes,
    }
  } finally {
    log.close()
  }
}

export function openLog(fs: FileSystem, dataDir: string): Promise<WalView> {
  return readWal(fs, groupPaths(dataDir, groupId(1)).wal)
}

function compacted(index: number, firstIndex: number, dataDir: string): RaftctlError {
  return new RaftctlError(
    'RAFTCTL_LOG_COMPACTED',
    `entry ${index} is compacted; the first available index is ${firstIndex}`,
    {
      hint: `Run "raftctl log dump --data-dir ${dataDir} --from ${firstIndex}"; a snapshot holds what came before.`,
      details: {index, firstIndex},
    },
  )
}
