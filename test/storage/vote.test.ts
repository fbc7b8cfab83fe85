// A vote is a promise: whatever happens to the disk, it is never forgotten, and never given twice.
import {expect, test} from 'vitest'
import type {HardState} from '../../src/raft/types.js'
import {openWal} from '../../src/storage/wal/wal.js'
import {MISHAPS, strikeEach} from './every-fault.js'
import {batch, contents, DIRECTORY, hardState, range, SMALL} from './log-helpers.js'

const ENTRIES = range(1, 3)
/** Enough of them, without an entry among them, to go through several segments. */
const VOTES: readonly HardState[] = Array.from({length: 60}, (_, i) =>
  hardState(2 + i, i % 3 === 0 ? undefined : 1 + (i % 5), 2),
)

for (const mishap of MISHAPS) {
  test(`a vote that was promised is found after "${mishap}" at any operation, or the one on its way`, async () => {
    let promised = -1

    const struck = await strikeEach({
      mishap,
      prepare: async fs => {
        promised = -1
        const {wal} = await openWal(fs, DIRECTORY, SMALL)
        await wal.append(batch({hardState: hardState(1, 1, 2), entries: ENTRIES}))
        await wal.close()
      },
      act: async fs => {
        const {wal} = await openWal(fs, DIRECTORY, SMALL)
        for (const [i, vote] of VOTES.entries()) {
          await wal.append(batch({hardState: vote}))
          promised = i
        }
        await wal.close()
      },
      check: async ({fs}) => {
        const {wal} = await openWal(fs, DIRECTORY, SMALL)
        const possible = [VOTES[promised] ?? hardState(1, 1, 2), VOTES[promised + 1]]

        expect(possible).toContainEqual(wal.hardState)
        expect(contents(wal)).toHaveLength(ENTRIES.length)

        const later = hardState(wal.hardState.term + 1, 2, 2)
        await wal.append(batch({hardState: later}))
        fs.crash()
        expect((await openWal(fs, DIRECTORY, SMALL)).wal.hardState).toEqual(later)
      },
      seeds: 2,
      // The last segment made ahead of need was never needed.
      isSpare: at => at.endsWith('/next.partial'),
    })

    expect(struck).toBeGreaterThan(2 * VOTES.length)
  })
}
