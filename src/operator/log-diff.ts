import type {EntryRange} from '../client/types.js'
import {RaftctlError} from '../errors.js'
import type {LogSource} from './log-source.js'

/**
 * same: nothing differs. behind: one merely holds less. uncommitted-tail: they differ where nothing is
 * committed yet, which the next leader puts right. divergence: they differ in what is committed, which
 * must never be.
 */
export type LogVerdict = 'same' | 'behind' | 'uncommitted-tail' | 'divergence'

export interface LogEnd {
  readonly name: string
  readonly firstIndex: number
  readonly commitIndex: number
  readonly lastIndex: number
}

export interface LogDiff {
  readonly verdict: LogVerdict
  readonly a: LogEnd
  readonly b: LogEnd
  /** What both hold and was compared; before it one of them is compacted. */
  readonly comparedFrom: number
  readonly comparedTo: number
  /** The first index where they differ; null: nowhere. */
  readonly differsAt: number | null
  readonly termA: number | null
  readonly termB: number | null
}

const PARTS = 64

/** RAFTCTL_LOG_COMPACTED when no index is held by both. Of `tail` only so many entries are compared. */
export async function diffLogs(a: LogSource, b: LogSource, tail?: number): Promise<LogDiff> {
  const to = Math.min(a.lastIndex, b.lastIndex)
  const from = Math.max(a.firstIndex, b.firstIndex, tail === undefined ? 1 : to - tail + 1)
  if (to < from) throw nothingInCommon(a, b)

  const found = await firstDifference(a, b, from, to)
  const differsAt = found?.a.first ?? null
  const committed = differsAt !== null && differsAt <= Math.min(a.commitIndex, b.commitIndex)
  const verdict =
    differsAt !== null
      ? committed
        ? 'divergence'
        : 'uncommitted-tail'
      : a.lastIndex === b.lastIndex
        ? 'same'
        : 'behind'
  return {
    verdict,
    a: endOf(a),
    b: endOf(b),
    comparedFrom: from,
    comparedTo: to,
    differsAt,
    termA: found?.a.firstTerm ?? null,
    termB: found?.b.firstTerm ?? null,
  }
}

/** Narrows down by fingerprints: what crosses the network grows with the logarithm of the log. */
async function firstDifference(
  a: LogSource,
  b: LogSource,
  from: number,
  to: number,
): Promise<{a: EntryRange; b: EntryRange} | undefined> {
  const [inA, inB] = await Promise.all([a.ranges(from, to, PARTS), b.ranges(from, to, PARTS)])
  const at = inA.findIndex((range, i) => range.checksum !== inB[i]?.checksum)
  if (at === -1) return undefined
  const [rangeA, rangeB] = [inA[at]!, inB[at]]
  if (rangeB === undefined || rangeB.last !== rangeA.last) {
    const named = `${rangeA.first} to ${rangeA.last}`
    throw new RaftctlError('RAFTCTL_INDEX_NOT_FOUND', `${b.name} no longer answers for ${named}`, {
      hint: 'Run it again.',
    })
  }
  if (rangeA.first === rangeA.last) return {a: rangeA, b: rangeB}
  return firstDifference(a, b, rangeA.first, rangeA.last)
}

function nothingInCommon(a: LogSource, b: LogSource): RaftctlError {
  const held = (log: LogSource) => `${log.name} holds ${log.firstIndex} to ${log.lastIndex}`
  return new RaftctlError(
    'RAFTCTL_LOG_COMPACTED',
    `there is no entry that both hold: ${held(a)}, ${held(b)}`,
    {
      hint: 'What is compacted can be compared as state only: see "raftctl doctor".',
      details: {a: endOf(a), b: endOf(b)},
    },
  )
}

function endOf({name, firstIndex, commitIndex, lastIndex}: LogSource): LogEnd {
  return {name, firstIndex, commitIndex, lastIndex}
}
