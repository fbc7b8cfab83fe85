/** A log to compare: a member's, asked over the network, or that of a data directory, read from disk. */
import type {ClusterClient} from '../client/cluster-client.js'
import type {EntryRange} from '../client/types.js'
import {RaftctlError} from '../errors.js'
import {entryData} from '../raft/entry.js'
import {logIndex} from '../raft/types.js'
import {EntriesHash} from '../rpc/entries-hash.js'
import {NodeFileSystem} from '../storage/node-file-system.js'
import {openLog} from './offline-log.js'
import {resolveMember} from './resolve-member.js'

export interface LogSource {
  readonly name: string
  readonly firstIndex: number
  readonly commitIndex: number
  /** What can be read; of a member only what is committed. */
  readonly lastIndex: number
  /** About equal parts of [from, to], which must lie within what can be read. */
  ranges(from: number, to: number, count: number): Promise<readonly EntryRange[]>
  close(): void
}

/** By id, name or address, or dir:PATH for a data directory. */
export async function openLogSource(
  client: () => Promise<ClusterClient>,
  text: string,
): Promise<LogSource> {
  if (text.startsWith('dir:')) return directorySource(text.slice('dir:'.length))
  return memberSource(await client(), text)
}

async function memberSource(client: ClusterClient, text: string): Promise<LogSource> {
  const member = resolveMember(await client.clusterStatus(), text)
  const {id, address, reachable, unreachableReason, firstIndex, commitIndex} = member
  if (!reachable || firstIndex === null || commitIndex === null) {
    throw new RaftctlError('RAFTCTL_UNREACHABLE', `can't read the log of member ${id}`, {
      hint: `${unreachableReason ?? address}. With its node stopped: dir:PATH of its data.`,
      details: {memberId: id},
    })
  }
  return {
    name: `member ${id}`,
    firstIndex,
    commitIndex,
    lastIndex: commitIndex,
    ranges: async (from, to, count) =>
      (await client.entryRanges(address, {from, to, count})).ranges,
    close: () => {},
  }
}

async function directorySource(directory: string): Promise<LogSource> {
  const log = await openLog(new NodeFileSystem(), directory)
  return {
    name: `dir:${directory}`,
    firstIndex: log.firstIndex,
    commitIndex: Math.min(log.hardState.commitIndex, log.lastIndex),
    lastIndex: log.lastIndex,
    ranges: async (from, to, count) => {
      const length = Math.max(1, Math.ceil((to - from + 1) / count))
      const ranges: EntryRange[] = []
      for (let first = from; first <= to; first += length) {
        const last = Math.min(to, first + length - 1)
        const hash = new EntriesHash()
        let firstTerm = 0
        let lastTerm = 0
        for (const entry of log.entries(logIndex(first), logIndex(last))) {
          const {index, term, kind} = entry
          hash.add({index, term, kind, data: entryData(entry)})
          if (index === first) firstTerm = term
          lastTerm = term
        }
        const checksum = hash.digest().toString('hex')
        ranges.push({first, last, firstTerm, lastTerm, checksum})
      }
      return ranges
    },
    close: () => log.close(),
  }
}
