// The checkers checked: each defect of an older design is put back into a copy of the sources, and its
// finder must find it. A checker that never fails is none.
//
//   npx vitest run test/sim/defects.test.ts                      those that are found quickly
//   RAFT_DEFECTS=all npx vitest run test/sim/defects.test.ts     all of them; writes DEFECTS.md anew
//   RAFT_DEFECT='prev = 0' npx vitest run test/sim/defects.test.ts   one, and how it was found
import {readFileSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {afterAll, describe, expect, test} from 'vitest'
import type {Defect} from './defects/defect.js'
import {finderName, simulation} from './defects/defect.js'
import {FLOW, PURITY, READS} from './defects/flow-reads-purity.js'
import type {Found} from './defects/patched-copy.js'
import {find} from './defects/patched-copy.js'
import {MEMBERSHIP, SNAPSHOTS} from './defects/snapshots-and-membership.js'
import {LOG, VOTES} from './defects/votes-and-log.js'

const all = [VOTES, LOG, SNAPSHOTS, MEMBERSHIP, FLOW, READS, PURITY].flat()
/** To see what the simulator finds of them all. */
const simulated = process.env.RAFT_FINDER === 'simulation'
const defects = simulated ? all.map(defect => ({...defect, finder: simulation})) : all
const table = join(import.meta.dirname, 'DEFECTS.md')
const isWhole = process.env.RAFT_DEFECTS === 'all'
const only = process.env.RAFT_DEFECT
const found = new Map<Defect, Found>()

describe.concurrent('put back, this defect is found:', () => {
  for (const defect of defects) {
    const {finder, name} = defect
    const isRare = finder.kind !== 'test' && finder.isRare && !isWhole && !simulated
    test.skipIf(only === undefined ? isRare : !name.includes(only))(
      name,
      async () => {
        const by = await find(defect)

        if (only !== undefined) process.stdout.write(`${JSON.stringify(by)}\n`)
        expect(by, 'the finder found something').toBeDefined()
        found.set(defect, by!)
      },
      900_000,
    )
  }
})

test.skipIf(simulated)('the table names every defect and its finder', () => {
  const rows = readFileSync(table, 'utf8').replace(/ +/g, ' ')

  for (const {name, finder} of defects) {
    expect(rows).toContain(`| ${name} | ${finderName(finder)} |`)
  }
})

afterAll(() => {
  if (simulated) {
    for (const [{name}, by] of found) process.stdout.write(`${name}: ${by.seed}: ${by.by}\n`)
  }
  if (!isWhole) return
  const rows = defects.map(defect => {
    const {area, name, finder} = defect
    const at = found.get(defect)
    const by = at === undefined ? 'NOT FOUND' : at.by.split('\n')[0]!.replaceAll('|', '/').trim()
    return [area, name, finderName(finder), by, `${at?.seed ?? '–'}`]
  })
  const text = `# Defects of older designs, put back

Each is a change to a copy of the sources (\`test/sim/defects/\`), looked for by its finder: the random
schedules of \`test/support/random-schedule.ts\` or the simulator, with seeds from 1 on, or a test of the
suite. Written by \`RAFT_DEFECTS=all npx vitest run test/sim/defects.test.ts\`: ${found.size} of ${defects.length} found.

${alignedTable(['area', 'defect', 'finder', 'found by', 'seeds'], rows)}
`
  writeFileSync(table, text)
})

/** As the formatter would have it. */
function alignedTable(head: readonly string[], rows: readonly string[][]): string {
  const widths = head.map((cell, i) => Math.max(cell.length, ...rows.map(row => row[i]!.length)))
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`
  return [line(head), line(widths.map(width => '-'.repeat(width))), ...rows.map(line)].join('\n')
}
