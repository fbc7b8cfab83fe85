import {RaftctlError} from '../../errors.js'
import type {NodeHost, NodeRuntimeApi} from '../../node/api.js'
import {entryData} from '../../raft/entry.js'
import {logIndex} from '../../raft/types.js'
import {logEntryToWire, toSafeNumber, toWireNumber} from '../codec.js'
import {EntriesHash} from '../entries-hash.js'
import {
  type LogEntriesPage,
  type LogEntriesRangeRequest,
  type LogServiceServer,
  LogServiceService,
  type TermsRequest,
  type TermsResponse,
} from '../gen/raftctl/v1/log.js'
import {type ResponseStream, type ServiceEntry, serverStream, unary} from '../handler.js'
import {LOG_PAGE_BYTES} from '../limits.js'
import {followLog} from './follow-log.js'
import {compacted, pageOf} from './log-pages.js'
import {runtimeOf} from './not-initialised.js'

export function logService(host: NodeHost): ServiceEntry {
  const handlers: LogServiceServer = {
    logEntriesRange: serverStream((request, stream) =>
      logEntriesRange(runtimeOf(host), request, stream),
    ),
    follow: serverStream((request, stream) => followLog(runtimeOf(host), request, stream)),
    terms: unary((request, call) => terms(runtimeOf(host), request, call)),
  }
  return {definition: LogServiceService, handlers}
}

/**
 * Pages one after the other, each only when the last has left. The end is fixed at the first page:
 * a dump under load would otherwise chase the commit index for good. There is always one page, if
 * only to say where the log begins and how far it is committed.
 */
async function logEntriesRange(
  runtime: NodeRuntimeApi,
  request: LogEntriesRangeRequest,
  stream: ResponseStream<LogEntriesPage>,
): Promise<void> {
  const {firstIndex, commitIndex} = runtime.status()
  const from = toSafeNumber(request.from) || firstIndex
  const to = toSafeNumber(request.to) || commitIndex
  if (to < from && request.to !== 0n) {
    throw new RaftctlError('RAFTCTL_USAGE', `the range from ${from} to ${to} is empty`, {
      hint: 'Give --from an index that is not beyond --to.',
    })
  }
  if (from < firstIndex) throw compacted(from, firstIndex)

  const last = Math.min(to, commitIndex)
  if (from > last) {
    await stream.write(pageOf([], commitIndex, firstIndex))
    return
  }
  for (let next = from; next <= last; ) {
    const range = runtime.logEntriesRange(logIndex(next), logIndex(last), LOG_PAGE_BYTES)
    if (range.kind === 'log-compacted') throw compacted(next, range.firstIndex)
    const final = range.entries.at(-1)
    if (final === undefined) return
    const page = pageOf(range.entries.map(logEntryToWire), range.commitIndex, range.firstIndex)
    if (!(await stream.write(page))) return
    next = final.index + 1
  }
}

const RANGES_MAX = 1024

/** Reads page by page, so that a long range neither fills the memory nor holds up the node. */
async function terms(
  runtime: NodeRuntimeApi,
  request: TermsRequest,
  caller: {readonly cancelled: boolean},
): Promise<TermsResponse> {
  const from = toSafeNumber(request.from)
  const to = toSafeNumber(request.to)
  const {ranges: count} = request
  if (from === 0 || to < from || count < 1 || count > RANGES_MAX) {
    throw new RaftctlError('RAFTCTL_USAGE', `no fingerprints of ${from} to ${to} in ${count}`)
  }
  const {firstIndex, commitIndex} = runtime.status()
  if (from < firstIndex) throw compacted(from, firstIndex)

  const last = Math.min(to, commitIndex)
  const length = Math.max(1, Math.ceil((last - from + 1) / count))
  const ranges: TermsResponse['ranges'] = []
  for (let first = from; first <= last; first += length) {
    const end = Math.min(last, first + length - 1)
    ranges.push(await fingerprint(runtime, first, end, caller))
  }
  return {
    ranges,
    firstIndex: toWireNumber(firstIndex),
    commitIndex: toWireNumber(commitIndex),
  }
}

async function fingerprint(
  runtime: NodeRuntimeApi,
  first: number,
  last: number,
  caller: {readonly cancelled: boolean},
): Promise<TermsResponse['ranges'][number]> {
  const hash = new EntriesHash()
  let firstTerm = 0
  let lastTerm = 0
  for (let next = first; next <= last; ) {
    if (caller.cancelled) throw new RaftctlError('RAFTCTL_INTERRUPTED', 'the caller has gone')
    const range = runtime.logEntriesRange(logIndex(next), logIndex(last), LOG_PAGE_BYTES)
    if (range.kind === 'log-compacted') throw compacted(next, range.firstIndex)
    const final = range.entries.at(-1)
    if (final === undefined) {
      throw new RaftctlError('RAFTCTL_INDEX_NOT_FOUND', `there is no committed entry ${next}`)
    }
    for (const entry of range.entries) {
      const {index, term, kind} = entry
      hash.add({index, term, kind, data: entryData(entry)})
    }
    if (next === first) firstTerm = range.entries[0]!.term
    lastTerm = final.term
    next = final.index + 1
    await new Promise(resolve => setImmediate(resolve))
  }
  return {
    firstIndex: toWireNumber(first),
    lastIndex: toWireNumber(last),
    firstTerm: toWireNumber(firstTerm),
    lastTerm: toWireNumber(lastTerm),
    checksum: hash.digest(),
  }
}
