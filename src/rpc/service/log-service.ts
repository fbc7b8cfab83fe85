import {RaftctlError} from '../../errors.js'
import type {NodeHost, NodeRuntimeApi} from '../../node/api.js'
import {logIndex} from '../../raft/types.js'
import {logEntryToWire, toSafeNumber, toWireNumber} from '../codec.js'
import {
  type LogEntriesPage,
  type LogEntriesRangeRequest,
  type LogServiceServer,
  LogServiceService,
} from '../gen/raftctl/v1/log.js'
import {type ResponseStream, type ServiceEntry, serverStream} from '../handler.js'
import {LOG_PAGE_BYTES} from '../limits.js'
import {runtimeOf} from './not-initialised.js'

export function logService(host: NodeHost): ServiceEntry {
  const handlers: LogServiceServer = {
    logEntriesRange: serverStream((request, stream) =>
      logEntriesRange(runtimeOf(host), request, stream),
    ),
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

function pageOf(
  entries: LogEntriesPage['entries'],
  commitIndex: number,
  firstIndex: number,
): LogEntriesPage {
  return {
    entries,
    commitIndex: toWireNumber(commitIndex),
    firstIndex: toWireNumber(firstIndex),
  }
}

function compacted(index: number, firstIndex: number): RaftctlError {
  return new RaftctlError(
    'RAFTCTL_LOG_COMPACTED',
    `entry ${index} is compacted; the first available index is ${firstIndex}`,
    {
      hint: `Run "raftctl log dump --from ${firstIndex}"; a snapshot holds what came before.`,
      details: {index, firstIndex},
    },
  )
}
