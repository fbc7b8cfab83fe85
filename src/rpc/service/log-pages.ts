import {RaftctlError} from '../../errors.js'
import {toWireNumber} from '../codec.js'
import type {LogEntriesPage} from '../gen/raftctl/v1/log.js'

export function pageOf(
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

export function compacted(index: number, firstIndex: number): RaftctlError {
  return new RaftctlError(
    'RAFTCTL_LOG_COMPACTED',
    `entry ${index} is compacted; the first available index is ${firstIndex}`,
    {
      hint: `Run "raftctl log dump --from ${firstIndex}"; a snapshot holds what came before.`,
      details: {index, firstIndex},
    },
  )
}
