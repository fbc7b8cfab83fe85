/** The screen of `top`: failure tolerance first, then a row a member. Whatever does not fit is cut. */
import type {ClusterPicture, MemberPicture} from '../../operator/watch-cluster.js'
import {printable} from '../cells.js'
import {formatDuration} from '../duration.js'
import type {ScreenSize} from '../live-screen.js'
import type {RecordView} from '../records.js'
import {sparkline} from '../sparkline.js'
import {counted} from './cluster-view.js'
import {shortId} from './status-view.js'

export const SORTS = ['id', 'commit', 'lag', 'sync'] as const
export type Sort = (typeof SORTS)[number]

export interface TopManner extends ScreenSize {
  readonly context: string | undefined
  readonly colour: boolean
  readonly sort: Sort
}

/** What was seen before, newest last. */
export class TopHistory {
  readonly commits: (number | null)[] = []
  readonly #members = new Map<number, {commits: (number | null)[]; syncs: (number | null)[]}>()

  add({commitsPerSecond, members}: ClusterPicture): void {
    keep(this.commits, commitsPerSecond)
    for (const {id, ...rates} of members) {
      const {commits, syncs} = this.of(id)
      keep(commits, rates.commitsPerSecond)
      keep(syncs, rates.syncMs)
    }
  }

  of(id: number) {
    const known = this.#members.get(id) ?? {commits: [], syncs: []}
    this.#members.set(id, known)
    return known
  }
}

const KEPT = 240
const PROBLEMS_MAX = 3
/** Narrower ones tell nothing. */
const SPARK_MIN = 6
const GAP = 2

type Paint = 'bold' | 'red' | 'cyan' | 'dim'
interface Segment {
  readonly text: string
  readonly paint?: Paint | undefined
}

interface TopColumn {
  readonly title: string
  readonly left?: boolean
  /** Only on a screen that has room for it. */
  readonly wide?: boolean
  readonly cell: (member: MemberPicture) => string
}

const COLUMNS: readonly TopColumn[] = [
  {title: 'ID', cell: ({id}) => String(id)},
  {title: 'NAME', left: true, cell: ({name}) => printable(name).slice(0, 16) || '-'},
  {title: 'STATE', left: true, cell: stateOf},
  {title: 'ADDRESS', left: true, wide: true, cell: ({address}) => printable(address)},
  {title: 'TERM', cell: ({term}) => whole(term)},
  {title: 'COMMITTED', wide: true, cell: ({commitIndex}) => whole(commitIndex)},
  {title: 'APPLIED', wide: true, cell: ({appliedIndex}) => whole(appliedIndex)},
  {title: 'COMMIT/S', cell: ({commitsPerSecond}) => whole(commitsPerSecond)},
  {title: 'APPLY/S', cell: ({appliedPerSecond}) => whole(appliedPerSecond)},
  {title: 'LAG', cell: ({lag}) => whole(lag)},
  {title: 'CONTACT', wide: true, cell: contactOf},
  {title: 'SYNC MS', cell: ({syncMs}) => (syncMs === null ? '-' : syncMs.toFixed(1))},
]
/** From here on the wide columns are shown. */
const WIDE_COLUMNS = 150

/** Lines for a screen, painted as `colour` allows. */
export function topLines(
  picture: ClusterPicture,
  history: TopHistory,
  manner: TopManner,
): string[] {
  const head = [...headLines(picture, history, manner), []]
  const foot = [[], [{text: `q quits   left and right sort, now by ${manner.sort}`, paint: 'dim'}]]
  const room = Math.max(1, manner.rows - head.length - foot.length - 1)
  const rows = memberLines(picture, history, manner)
  const shown = rows.length - 1 > room ? [...rows.slice(0, room), more(rows.length - room)] : rows
  return [...head, ...shown, ...(foot as Segment[][])].map(line => painted(line, manner))
}

/** The same for what is no screen: no colour, no bars, nothing to press, nothing cut. */
export function topBlock(picture: ClusterPicture, context: string | undefined): string {
  const manner: TopManner = {context, columns: 0, rows: 0, colour: false, sort: 'id'}
  const history = new TopHistory()
  const lines = [
    [{text: picture.time}],
    ...headLines(picture, history, manner),
    ...memberLines(picture, history, manner),
  ]
  const uncut = {...manner, columns: Number.POSITIVE_INFINITY}
  return `${lines.map(line => painted(line, uncut)).join('\n')}\n\n`
}

export const pictureView: RecordView<ClusterPicture> = {
  kind: 'ClusterPicture',
  columns: [],
  row: () => [],
  json: picture => ({...picture}),
  id: ({commitIndex}) => commitIndex,
}

function headLines(
  picture: ClusterPicture,
  history: TopHistory,
  {context, columns}: TopManner,
): Segment[][] {
  const {failureTolerance: now, failureToleranceNominal: nominal, healthy, problems} = picture
  const tolerance = now === nominal ? String(now) : `${now} (${nominal} when all are well)`
  const rate = `commits ${whole(picture.commitsPerSecond)}/s`
  const stage = picture.stage === 'uniform' ? '' : `  stage ${picture.stage}`
  return [
    [
      {text: `failure tolerance ${tolerance}  `, paint: 'bold'},
      {text: healthy ? 'healthy' : 'NOT HEALTHY', paint: healthy ? 'bold' : 'red'},
    ],
    [
      {
        text:
          `cluster ${context ?? '-'}  id ${shortId(picture.clusterId)}  ` +
          `leader ${picture.leaderId ?? 'none'}  term ${picture.term}  ` +
          `${counted(picture.voters, 'voter')}  quorum ${picture.quorum}  at ${picture.commitIndex}${stage}`,
      },
    ],
    [
      {text: rate.padEnd(18)},
      {text: sparkline(history.commits, Math.min(KEPT, columns - 18)), paint: 'cyan'},
    ],
    ...problems
      .slice(0, PROBLEMS_MAX)
      .map(problem => [{text: `problem: ${printable(problem)}`, paint: 'red'} as const]),
  ]
}

/** The titles, then a line a member. */
function memberLines(
  {members}: ClusterPicture,
  history: TopHistory,
  {columns: total, sort}: TopManner,
): Segment[][] {
  const columns = COLUMNS.filter(({wide}) => !wide || total >= WIDE_COLUMNS)
  const sorted = [...members].sort(orderBy(sort))
  const rows = sorted.map(member => columns.map(({cell}) => cell(member)))
  const widths = columns.map(({title}, at) =>
    Math.max(title.length, ...rows.map(row => row[at]!.length)),
  )
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, at) =>
        columns[at]!.left ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!),
      )
      .join(' '.repeat(GAP))
  const rest = total - widths.reduce((sum, width) => sum + width + GAP, 0)
  // One of what limits a write where there is room for one only.
  const both = rest >= 2 * (3 * SPARK_MIN) + GAP
  const spark = both ? Math.floor((rest - GAP) / 2) : rest
  const sparks = (left: string, right: string): Segment[] => {
    if (spark < SPARK_MIN) return []
    const gap = {text: ' '.repeat(GAP)}
    const newest = {text: right, paint: 'cyan'} as const
    return both ? [gap, {text: left, paint: 'cyan'}, gap, newest] : [gap, newest]
  }
  const titles = sparks(trend('COMMITS', spark), trend('SYNC', spark))
  return [
    [
      {text: line(columns.map(({title}) => title)), paint: 'bold'},
      ...titles.map(({text}) => ({text, paint: 'bold' as const})),
    ],
    ...sorted.map((member, at) => {
      const {commits, syncs} = history.of(member.id)
      const paint = member.reachable ? (member.leader ? 'bold' : undefined) : 'red'
      const bars = sparks(sparkline(commits, spark), sparkline(syncs, spark))
      return [{text: line(rows[at]!), paint} as const, ...bars]
    }),
  ]
}

function trend(what: string, width: number): string {
  const title = `${what} TREND`
  return (width < title.length ? 'TREND' : title).padStart(width)
}

function more(count: number): Segment[] {
  return [{text: `… and ${count} more: the screen is too low`, paint: 'dim'}]
}

function stateOf(member: MemberPicture): string {
  if (member.blankData) return 'BLANK DATA'
  return member.reachable ? (member.raftRole ?? '-') : 'UNREACHABLE'
}

function contactOf({leader, lastContactMs}: MemberPicture): string {
  if (leader) return 'leads'
  return lastContactMs === null ? '-' : formatDuration(lastContactMs)
}

function orderBy(sort: Sort): (a: MemberPicture, b: MemberPicture) => number {
  const figure = ({commitsPerSecond, lag, syncMs}: MemberPicture) =>
    ({id: null, commit: commitsPerSecond, lag, sync: syncMs})[sort] ?? -1
  return (a, b) => figure(b) - figure(a) || a.id - b.id
}

function whole(value: number | null): string {
  return value === null ? '-' : String(Math.round(value))
}

function keep(values: (number | null)[], value: number | null): void {
  values.push(value)
  if (values.length > KEPT) values.shift()
}

const CODES: Readonly<Record<Paint, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  cyan: [36, 39],
}

function painted(
  line: readonly Segment[],
  {columns, colour}: Pick<TopManner, 'columns' | 'colour'>,
) {
  let room = columns
  const parts = line.map(({text, paint}) => {
    const shown = [...text].slice(0, Math.max(0, room)).join('')
    room -= [...shown].length
    if (!colour || paint === undefined || shown === '') return shown
    const [on, off] = CODES[paint]
    return `\u001b[${on}m${shown}\u001b[${off}m`
  })
  return colour ? parts.join('') : parts.join('').trimEnd()
}
