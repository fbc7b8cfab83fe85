import type {View} from '../output.js'

/** What a simulation reports, as far as it is shown. */
export interface SimulationFigures {
  readonly seeds: number
  readonly steps: number
  readonly simulatedSeconds: number
  readonly totals: Readonly<Record<string, number>>
  readonly violations: readonly {
    readonly seed: number
    readonly checker: string
    readonly message: string
    readonly step: number
  }[]
}

export function simulationView(report: SimulationFigures): View {
  const {seeds, steps, simulatedSeconds, totals, violations} = report
  return {
    lines: violations.map(
      ({seed, checker, message, step}) =>
        `seed ${seed} violates ${checker} after ${step} steps: ${message}`,
    ),
    table: {
      columns: [{title: 'figure'}, {title: 'total', align: 'right'}],
      rows: [
        ['seeds', seeds],
        ['steps', steps],
        ['simulated seconds', Math.round(simulatedSeconds)],
        ['violations', violations.length],
        ...Object.entries(totals).filter(([name]) => name !== 'steps'),
      ],
    },
    ids: violations.map(({seed}) => seed),
  }
}
