import {expect, test} from 'vitest'
import {sparkline} from '../../../src/cli/sparkline.js'
import {TopHistory, type TopManner, topBlock, topLines} from '../../../src/cli/views/top-view.js'
import {type ClusterPicture, ratesBetween} from '../../../src/operator/watch-cluster.js'
import {statusOf} from '../../operator/status-of.js'

const wide: TopManner = {context: 'm', columns: 200, rows: 24, colour: false, sort: 'id'}
const narrow: TopManner = {...wide, columns: 80}

/** Two voters that work and one that is dead; rates are ten times, a hundred times the id. */
function picture(names: Readonly<Record<number, string>> = {}): ClusterPicture {
  const status = statusOf({voters: [1, 2, 3], dead: [3], names})
  const members = status.members.map(member => ({
    ...member,
    commitsPerSecond: member.reachable ? member.id * 10 : null,
    appliedPerSecond: member.reachable ? member.id * 100 : null,
    syncMs: member.reachable ? member.id / 2 : null,
  }))
  return {...status, time: '2026-01-01T00:00:00.000Z', commitsPerSecond: 10, members}
}

function seen(shown: ClusterPicture): TopHistory {
  const history = new TopHistory()
  history.add({...shown, commitsPerSecond: 5})
  history.add(shown)
  return history
}

test('failure tolerance comes first, and a member that is silent is shown as such', () => {
  const shown = picture()

  const lines = topLines(shown, seen(shown), narrow)

  expect(lines[0]).toBe('failure tolerance 0 (1 when all are well)  NOT HEALTHY')
  expect(lines[1]).toBe('cluster m  id c1  leader 1  term 3  3 voters  quorum 2  at 5000')
  expect(lines[2]).toMatch(/^commits 10\/s +▅█$/)
  expect(lines[3]).toMatch(/^problem: member 3 \(n3\)/)
  expect(lines.slice(5, 9)).toEqual([
    'ID  NAME  STATE        TERM  COMMIT/S  APPLY/S  LAG  SYNC MS          SYNC TREND',
    ' 1  n1    leader          3        10      100    0      0.5                  ██',
    ' 2  n2    follower        3        20      200    0      1.0                  ██',
    ' 3  n3    UNREACHABLE     -         -        -    0        -',
  ])
})

test('every line fits the screen, however narrow or low, coloured or not', () => {
  const shown = picture({1: 'a-name-that-is-rather-long', 2: 'x\u001b[2Jy'})

  for (const columns of [20, 40, 80, 120, 200, 300]) {
    for (const rows of [5, 24]) {
      for (const colour of [false, true]) {
        const manner = {...wide, columns, rows, colour}
        const lines = topLines(shown, seen(shown), manner)

        // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are what is looked for
        const plain = lines.map(line => line.replace(/\u001b\[\d+m/g, ''))
        expect(Math.max(...plain.map(line => [...line].length))).toBeLessThanOrEqual(columns)
        expect(plain.join('')).not.toContain('\u001b')
        expect(lines.join('') === plain.join('')).toBe(!colour)
      }
    }
  }
})

test('a screen that is too low says how many members it leaves out', () => {
  const shown = picture()

  const lines = topLines(shown, seen(shown), {...narrow, rows: 10})

  expect(lines.join('\n')).toContain('… and 2 more')
})

test('sorting puts the highest first, and the unknown last', () => {
  const shown = picture()

  const order = (sort: TopManner['sort']) =>
    topLines(shown, seen(shown), {...narrow, sort})
      .filter(line => /^ \d/.test(line))
      .map(line => Number(line.slice(0, 2)))

  expect(order('id')).toEqual([1, 2, 3])
  expect(order('commit')).toEqual([2, 1, 3])
  expect(order('sync')).toEqual([2, 1, 3])
})

test('a block is plain and whole', () => {
  const block = topBlock(picture(), undefined)

  expect(block).toMatch(/^2026-01-01T00:00:00.000Z\nfailure tolerance 0/)
  expect(block).toMatch(/SYNC MS\n 1 .+0\.5\n 2 .+\n 3 .+-\n\n$/)
})

test('bars are as high as their value is beside the highest', () => {
  expect(sparkline([0, 1, 2, 4, null, 8], 8)).toBe('  ▁▂▃▅ █')
  expect(sparkline([5, 1, 2], 2)).toBe('▅█')
  expect([sparkline([0, 0], 2), sparkline([1], 0), sparkline([], 3)]).toEqual(['▁▁', '', '   '])
})

test('rates come of two samples; nothing is made up where nothing was measured', () => {
  const sample = (time: string, index: number, syncs: number, syncMs: number) =>
    ({
      time: `2026-01-01T00:00:${time}Z`,
      commitIndex: index,
      appliedIndex: index - 1,
      logSyncsTotal: syncs,
      logSyncMsTotal: syncMs,
    }) as Parameters<typeof ratesBetween>[0]

  const busy = ratesBetween(sample('00.000', 10, 1, 4), sample('00.500', 60, 5, 10))
  const idle = ratesBetween(sample('00.000', 10, 1, 4), sample('01.000', 10, 1, 4))

  expect(busy).toEqual({commitsPerSecond: 100, appliedPerSecond: 100, syncMs: 1.5})
  expect(idle).toEqual({commitsPerSecond: 0, appliedPerSecond: 0, syncMs: null})
})
