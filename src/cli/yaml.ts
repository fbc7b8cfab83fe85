import {stringify} from 'yaml'

/** By the older version of YAML, which quotes more: whoever reads it, "no" stays a word. */
export function toYaml(value: unknown): string {
  return stringify(value, {version: '1.1', lineWidth: 0, blockQuote: false})
}
