/**
 * One watcher: reads the change log from where it is, writes a page, waits.
 *
 *   after(version) ──▶ page written ──▶ version moves on ──▶ (nothing new) ──▶ next()
 *        │                                                                       │
 *        │                                     no leader for a while ──▶ RAFTCTL_NO_LEADER: others go on
 *        └── not held any more ──▶ RAFTCTL_LOG_COMPACTED: nothing is skipped without a word
 */
import {RaftctlError} from '../errors.js'
import {toSafeNumber} from '../rpc/codec.js'
import type {WatchPage, WatchRequest} from '../rpc/gen/raftctl/v1/kv.js'
import type {Change, ChangeLog} from './changes.js'
import {toBuffer} from './requests.js'

const PAGE_BYTES = 256 * 1024
/** A page without changes tells a watcher that all is quiet, and how far. */
const QUIET_MS = 1000
/** So many quiet moments without a leader: a watcher here would hear of nothing, and not know it. */
const LEADERLESS_MAX = 2

export interface PageWriter {
  /** Resolves when more may be written. */
  write(page: WatchPage): Promise<void>
  /** Aborted when nobody listens any more. */
  readonly gone: AbortSignal
}

export interface Watched {
  changes(): ChangeLog
  /** Whether this node knows a leader. */
  isLed(): boolean
}

export async function serveWatch(
  node: Watched,
  request: WatchRequest,
  writer: PageWriter,
): Promise<void> {
  const {gone} = writer
  const wanted = request.afterVersion
  let version = wanted === undefined ? node.changes().appliedIndex : toSafeNumber(wanted)
  let written = 0
  let toldMs = 0
  let leaderless = 0
  while (!gone.aborted) {
    const page = node.changes().after(version, PAGE_BYTES)
    if (page === undefined) throw overtaken(version, node.changes().floor)
    const matching = page.changes.filter(({key}) => isWithin(key, request.start, request.end))
    version = page.upTo
    if (matching.length > 0 || written === 0 || Date.now() - toldMs >= QUIET_MS) {
      const changes = matching.map(toWire)
      await writer.write({changes, version: BigInt(version)})
      written++
      toldMs = Date.now()
    }
    if (page.changes.length > 0) continue
    await news(node.changes(), version, gone)
    leaderless = node.isLed() ? 0 : leaderless + 1
    if (leaderless >= LEADERLESS_MAX) throw unled()
  }
}

/** Until something after `version` is applied, for QUIET_MS at most. */
async function news(changeLog: ChangeLog, version: number, gone: AbortSignal): Promise<void> {
  if (changeLog.appliedIndex > version) return
  await changeLog.next(gone, QUIET_MS)
}

function isWithin(key: Uint8Array, start: Uint8Array, end: Uint8Array): boolean {
  return Buffer.compare(key, start) >= 0 && (end.length === 0 || Buffer.compare(key, end) < 0)
}

function toWire({op, key, value, version}: Change) {
  return {op, key: toBuffer(key), value: toBuffer(value), version: BigInt(version)}
}

function unled(): RaftctlError {
  return new RaftctlError('RAFTCTL_NO_LEADER', 'this node follows no leader: it hears no changes')
}

function overtaken(version: number, floor: number): RaftctlError {
  return new RaftctlError(
    'RAFTCTL_LOG_COMPACTED',
    `this node does not hold the changes right after version ${version} any more, only those after ${floor}`,
    {
      hint: 'Read the keys with "raftctl kv scan", and watch from the newest version among them on.',
      details: {version, firstVersion: floor},
    },
  )
}
