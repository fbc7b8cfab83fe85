/** Prometheus' text format, version 0.0.4, which every scraper reads. */
import {BOUNDS_MS, type Durations} from '../../node/histogram.js'

export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** 100 µs to 10 s, three to a decade; a subset of the buckets that are kept. */
const LE_MS = BOUNDS_MS.filter(ms => {
  const [digits] = ms.toExponential().split('e')
  return ms >= 0.1 && ms <= 10_000 && ['1', '2.5', '5'].includes(digits!)
})

export type Labels = Readonly<Record<string, string | number>>
type Sample = readonly [labels: Labels, value: number]

/** One text, family by family. Names end in their unit, counters in _total. */
export class Exposition {
  #text = ''

  get text(): string {
    return this.#text
  }

  gauge(name: string, help: string, value: number | undefined): void {
    if (value !== undefined) this.family(name, 'gauge', help, [[{}, value]])
  }

  counter(name: string, help: string, value: number): void {
    this.family(name, 'counter', help, [[{}, value]])
  }

  /** Left out where there is no sample. */
  family(name: string, type: 'gauge' | 'counter', help: string, samples: readonly Sample[]): void {
    if (samples.length === 0) return
    this.#head(name, type, help)
    for (const [labels, value] of samples) this.#sample(name, labels, value)
  }

  /** In seconds. */
  histogram(name: string, help: string, durations: Durations): void {
    this.#head(name, 'histogram', help)
    for (const ms of LE_MS) {
      this.#sample(`${name}_bucket`, {le: ms / 1000}, durations.countUpTo(ms))
    }
    this.#sample(`${name}_bucket`, {le: '+Inf'}, durations.count)
    this.#sample(`${name}_sum`, {}, durations.sumMs / 1000)
    this.#sample(`${name}_count`, {}, durations.count)
  }

  #head(name: string, type: string, help: string): void {
    this.#text += `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`
  }

  #sample(name: string, labels: Labels, value: number): void {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`)
    this.#text += `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}\n`
  }
}

function escaped(text: string | number): string {
  return String(text).replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
