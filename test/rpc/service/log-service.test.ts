import * as grpc from '@grpc/grpc-js'
import {afterEach, describe, expect, test} from 'vitest'
import {encodeEntry} from '../../../src/raft/entry.js'
import {logIndex, term} from '../../../src/raft/types.js'
import {
  type LogEntriesPage,
  LogServiceClient,
  type TermsResponse,
} from '../../../src/rpc/gen/raftctl/v1/log.js'
import {fromServiceError, type StatusLike} from '../../../src/rpc/status.js'
import {type FakeNode, startFake, stopAll} from '../cluster-of-fakes.js'
import {identityOf, membershipOf, until} from '../support.js'

const clients: grpc.Client[] = []
afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  await stopAll()
})

/** A node with entries first…last of `bytes` each, committed up to `commit`. */
async function nodeWith(
  first: number,
  last: number,
  commit: number,
  bytes = 10,
): Promise<FakeNode> {
  const node = await startFake()
  node.host.belong(identityOf(1), membershipOf([node.address]))
  const {runtime} = node.host
  for (let i = first; i <= last; i++) {
    runtime!.entries.push(encodeEntry(logIndex(i), term(1), 'command', Buffer.alloc(bytes, i)))
  }
  runtime!.commitIndex = logIndex(commit)
  return node
}

function range(node: FakeNode, from: number | bigint, to: number | bigint) {
  const client = new LogServiceClient(node.address, grpc.credentials.createInsecure())
  clients.push(client)
  const stream = client.logEntriesRange({from: BigInt(from), to: BigInt(to)})
  // A test that failed leaves its stream behind, which then ends with an error that nobody reads.
  stream.on('error', () => {})
  return stream
}

async function read(stream: ReturnType<typeof range>): Promise<[number[], string | undefined]> {
  const indexes: number[] = []
  try {
    for await (const page of stream as AsyncIterable<LogEntriesPage>) {
      indexes.push(...page.entries.map(entry => Number(entry.index)))
    }
    return [indexes, undefined]
  } catch (error) {
    return [indexes, fromServiceError(error as StatusLike).code]
  }
}

const upTo = (from: number, to: number) => Array.from({length: to - from + 1}, (_, i) => from + i)

function follow(node: FakeNode, from: number) {
  const client = new LogServiceClient(node.address, grpc.credentials.createInsecure())
  clients.push(client)
  const stream = client.follow({from: BigInt(from)})
  const seen: number[] = []
  let pages = 0
  let code: string | undefined
  stream.on('data', (page: LogEntriesPage) => {
    pages++
    seen.push(...page.entries.map(entry => Number(entry.index)))
  })
  stream.on('error', error => {
    code = fromServiceError(error as grpc.ServiceError).code
  })
  return {
    stream,
    seen,
    get pages() {
      return pages
    },
    get code() {
      return code
    },
  }
}

describe('a follower of the log', () => {
  test('gets what is committed, then each entry as it commits', async () => {
    const node = await nodeWith(1, 15, 15)
    node.host.runtime!.leaderId = 1
    const follower = follow(node, 7)

    await until('what is committed', () => follower.seen.length === 9)
    node.host.runtime!.commit()
    await until('what commits', () => follower.seen.length === 10)

    expect(follower.seen).toEqual(upTo(7, 16))
  })

  test('waits for what is not committed yet, and hears at once that it does', async () => {
    const node = await nodeWith(1, 3, 3)
    node.host.runtime!.leaderId = 1
    const follower = follow(node, 6)

    await until('the first page', () => follower.pages === 1)
    for (let i = 0; i < 4; i++) node.host.runtime!.commit()
    await until('what was waited for', () => follower.seen.length === 2)

    expect(follower.seen).toEqual([6, 7])
  })

  test('is told the first index when what follows is compacted', async () => {
    const node = await nodeWith(100, 120, 120)
    node.host.runtime!.leaderId = 1
    const follower = follow(node, 7)

    await until('the end', () => follower.code !== undefined)

    expect([follower.seen, follower.code]).toEqual([[], 'RAFTCTL_LOG_COMPACTED'])
  })

  test('is sent elsewhere by a node that has no leader', async () => {
    const node = await nodeWith(1, 3, 3)
    const follower = follow(node, 1)

    await until('the end', () => follower.code !== undefined)

    expect([follower.seen, follower.code]).toEqual([[1, 2, 3], 'RAFTCTL_NO_LEADER'])
  })

  test('that goes leaves nothing behind', async () => {
    const node = await nodeWith(1, 3, 3)
    node.host.runtime!.leaderId = 1
    const follower = follow(node, 1)
    await until('what is committed', () => follower.seen.length === 3)

    follower.stream.cancel()

    await until('nobody listens', () => node.host.runtime!.commitListeners.size === 0)
  })
})

describe('a range of entries', () => {
  const cases: [string, number | bigint, number | bigint, number[], string?][] = [
    ['is inclusive', 7, 9, [7, 8, 9]],
    ['ends at the commit index', 1, Number.MAX_SAFE_INTEGER, upTo(1, 15)],
    ['begins at the first available by default', 0, 3, [1, 2, 3]],
    ['ends at the commit index by default', 14, 0, [14, 15]],
    ['beyond the commit index is empty', 16, 20, []],
    ['whose end is before its begin is refused', 9, 7, [], 'RAFTCTL_USAGE'],
    ['beyond 2^53 - 1 is refused', 1, 2n ** 53n, [], 'RAFTCTL_TOO_LARGE'],
  ]

  for (const [what, from, to, indexes, code] of cases) {
    test(what, async () => {
      const node = await nodeWith(1, 20, 15)

      expect(await read(range(node, from, to))).toEqual([indexes, code])
    })
  }

  test('that begins in the compacted part names the first available index', async () => {
    const node = await nodeWith(100, 120, 120)
    const stream = range(node, 5, 110)
    const error = await new Promise<StatusLike>(resolve =>
      stream.on('error', resolve as never).resume(),
    )

    expect(fromServiceError(error)).toMatchObject({
      code: 'RAFTCTL_LOG_COMPACTED',
      details: {index: 5, firstIndex: 100},
    })
  })

  test('on a pristine node is refused', async () => {
    const node = await startFake()

    expect(await read(range(node, 1, 2))).toEqual([[], 'RAFTCTL_NOT_INITIALISED'])
  })
})

describe('a reader that does not keep up', () => {
  test('holds the log back, and still gets every entry', async () => {
    const node = await nodeWith(1, 2000, 2000, 20_000)
    const runtime = node.host.runtime!
    let pages = 0
    const original = runtime.logEntriesRange.bind(runtime)
    runtime.logEntriesRange = (...args) => {
      pages++
      return original(...args)
    }
    const stream = range(node, 1, 0)
    // Until its first message is read the client library buffers without bound.
    const first = await new Promise<LogEntriesPage>(resolve => stream.once('data', resolve))
    stream.pause()
    let before = -1
    await until('the node waits for the reader', () => {
      const settled = pages > 0 && pages === before
      before = pages
      return settled
    })
    const pagesOfAll = Math.ceil((2000 * 20_024) / (256 * 1024))

    expect(pages).toBeLessThan(pagesOfAll)
    const [rest, code] = await read(stream)
    expect([...first.entries.map(entry => Number(entry.index)), ...rest]).toEqual(upTo(1, 2000))
    expect(code).toBeUndefined()
  })

  test('and is overtaken by compaction gets an error, not a short success', async () => {
    const node = await nodeWith(1, 2000, 2000, 20_000)
    const runtime = node.host.runtime!
    const stream = range(node, 1, 0)
    let pages = 0
    const original = runtime.logEntriesRange.bind(runtime)
    runtime.logEntriesRange = (...args) => {
      if (++pages === 3) runtime.entries = runtime.entries.slice(1500)
      return original(...args)
    }

    const [indexes, code] = await read(stream)

    expect(code).toBe('RAFTCTL_LOG_COMPACTED')
    expect(indexes).toEqual(upTo(1, indexes.length))
    expect(indexes.length).toBeGreaterThan(0)
  })

  test('and leaves is forgotten', async () => {
    const node = await nodeWith(1, 2000, 2000, 20_000)
    const runtime = node.host.runtime!
    let pages = 0
    const original = runtime.logEntriesRange.bind(runtime)
    runtime.logEntriesRange = (...args) => {
      pages++
      return original(...args)
    }
    const stream = range(node, 1, 0)
    stream.on('error', () => {})
    stream.pause()
    await until('it has begun', () => pages > 0)

    stream.cancel()
    stream.resume()

    let before = -1
    await until('nothing more is read', () => {
      const settled = pages === before
      before = pages
      return settled
    })
    expect(pages).toBeLessThan(150)
  })
})

function fingerprints(node: FakeNode, from: number, to: number, ranges: number) {
  const client = new LogServiceClient(node.address, grpc.credentials.createInsecure())
  clients.push(client)
  return new Promise<TermsResponse>((resolve, reject) => {
    client.terms({from: BigInt(from), to: BigInt(to), ranges}, (error, response) =>
      error ? reject(fromServiceError(error)) : resolve(response),
    )
  })
}

const bounds = ({ranges}: TermsResponse) =>
  ranges.map(({firstIndex, lastIndex}) => [Number(firstIndex), Number(lastIndex)])

describe('fingerprints', () => {
  test('divide what is committed of the range asked for', async () => {
    const node = await nodeWith(1, 20, 15)

    const whole = await fingerprints(node, 1, 100, 1)
    const parts = await fingerprints(node, 3, 12, 4)

    expect(bounds(whole)).toEqual([[1, 15]])
    expect(bounds(parts)).toEqual([
      [3, 5],
      [6, 8],
      [9, 11],
      [12, 12],
    ])
    expect(parts.ranges[0]).toMatchObject({firstTerm: 1n, lastTerm: 1n})
  })

  test('are the same for the same entries, however many pages they take', async () => {
    const [one, other] = [await nodeWith(1, 9, 9, 100_000), await nodeWith(1, 9, 9, 100_000)]

    const [a, b] = [await fingerprints(one, 1, 9, 2), await fingerprints(other, 1, 9, 2)]

    expect(b.ranges).toEqual(a.ranges)
  })

  for (const [what, record] of [
    ['data', encodeEntry(logIndex(7), term(1), 'command', Buffer.from('other'))],
    ['term', encodeEntry(logIndex(7), term(2), 'command', Buffer.alloc(10, 7))],
    ['kind', encodeEntry(logIndex(7), term(1), 'blank', Buffer.alloc(10, 7))],
  ] as const) {
    test(`tell where an entry differs by its ${what}`, async () => {
      const [one, other] = [await nodeWith(1, 9, 9), await nodeWith(1, 9, 9)]
      other.host.runtime!.entries[6] = record

      const [a, b] = [await fingerprints(one, 1, 9, 9), await fingerprints(other, 1, 9, 9)]

      const differing = a.ranges.filter(({checksum}, i) => !checksum.equals(b.ranges[i]!.checksum))
      expect(differing.map(({firstIndex}) => firstIndex)).toEqual([7n])
    })
  }

  test('of what is compacted are refused, with the first index there is', async () => {
    const node = await nodeWith(10, 20, 20)

    const refusal = fingerprints(node, 9, 20, 1)

    await expect(refusal).rejects.toMatchObject({
      code: 'RAFTCTL_LOG_COMPACTED',
      details: {firstIndex: 10},
    })
  })

  test('of nothing, or in too many parts, are wrong usage', async () => {
    const node = await nodeWith(1, 5, 5)

    await expect(fingerprints(node, 0, 5, 1)).rejects.toMatchObject({code: 'RAFTCTL_USAGE'})
    await expect(fingerprints(node, 1, 5, 1025)).rejects.toMatchObject({code: 'RAFTCTL_USAGE'})
  })
})
