import {readFileSync} from 'node:fs'
import {SourceMap} from 'node:module'
import {dirname, resolve} from 'node:path'

/** A position in a chunk of the bundle: file, line and column. */
const FRAME = /(\/[^\s():]*\/dist\/bundle\/[^\s():]+\.js):(\d+):(\d+)/g

/** The stack of an error with positions in the sources, where the bundle has maps of them. */
export function readableStack(stack: string): string {
  const maps = new Map<string, SourceMap | undefined>()
  return stack.replace(FRAME, (frame, file: string, line: string, column: string) => {
    if (!maps.has(file)) maps.set(file, mapOf(file))
    const origin = maps.get(file)?.findEntry(Number(line) - 1, Number(column) - 1)
    if (origin === undefined || !('originalSource' in origin)) return frame
    const {originalSource, originalLine, originalColumn} = origin
    const source = resolve(dirname(file), originalSource)
    return `${source}:${originalLine + 1}:${originalColumn + 1}`
  })
}

function mapOf(file: string): SourceMap | undefined {
  try {
    return new SourceMap(JSON.parse(readFileSync(`${file}.map`, 'utf8')))
  } catch {
    return undefined
  }
}
