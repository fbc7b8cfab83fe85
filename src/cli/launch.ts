/**
 * Starts the bundle that src/cli/bundle.ts makes: it is cut into chunks, of which a command loads
 * those that it needs, each compiled from V8's code cache where that is known. Bundled by itself, this
 * file is dist/bundle/launch.cjs and all that bin/run.js reads besides.
 */
import {readFileSync, statSync} from 'node:fs'
import {join} from 'node:path'
import {pathToFileURL} from 'node:url'
import {setFlagsFromString} from 'node:v8'
import {constants, Script} from 'node:vm'
import {CodeCache} from './code-cache.js'

/** Nodes live long: what they compiled at their start is kept then, before V8 drops it. */
const KEEP_MS = 5000
/**
 * Theirs is a heap that grows to two and a half times what was live before all of it is collected. V8 by
 * itself counts buffers in and lets a small heap grow by some megabytes only: a node that moves snapshots
 * or values of 4 KiB would be collected ten times a second, and writers wait each time. More than that
 * would be felt less and less, but the heap of a node under attack grows with it.
 */
const HEAP_FLAG = '--heap-growing-percent=150'
/** Major versions of V8 that are known to have it: others would complain at every run. */
const HEAP_FLAG_V8_MAX = 14

interface Loaded {
  readonly text: Buffer
  readonly script: Script
  readonly module: {exports: object}
  /** Compiled from the cache. */
  readonly cached: boolean
}

type Wrapper = (
  exports: object,
  require: (name: string) => unknown,
  module: {exports: object},
  filename: string,
  directory: string,
  url: string,
) => void

type Run = (argv: readonly string[]) => Promise<never>

/**
 * The command line of the bundle in `directory`, not started yet. Throws whatever is amiss with the
 * bundle, which may be missing, or older than `plain`, a file of the build that it was made from.
 */
export function launcher(directory: string, plain: string): Run {
  const entry = join(directory, 'main.js')
  if (statSync(plain).mtimeMs > statSync(entry).mtimeMs) throw new Error('the bundle is stale')
  // Whoever gives Node options by hand wants to look into it, now with these, now with others.
  const byHand = process.execArgv.length > 0
  const cache = byHand ? undefined : new CodeCache(directory, process.env)
  const loaded = new Map<string, Loaded>()

  const load = (name: string): object => {
    const known = loaded.get(name)
    if (known) return known.module.exports
    const filename = join(directory, name)
    const text = readFileSync(filename)
    const cachedData = cache?.read(name, text)
    const script = new Script(text.toString('latin1'), {
      filename,
      ...(cachedData && {cachedData}),
      importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    })
    const cached = cachedData !== undefined && script.cachedDataRejected !== true
    const module = {exports: {}}
    loaded.set(name, {text, script, module, cached})
    const wrapper = script.runInThisContext() as Wrapper
    wrapper(module.exports, find, module, filename, directory, pathToFileURL(filename).href)
    return module.exports
  }
  const find = (name: string) => (name.startsWith('./') ? load(name.slice(2)) : require(name))

  const {run} = load('main.js') as {run: Run}
  if (cache) keepLater(cache, loaded)
  return run
}

/** All that a run compiled, whenever it needed something that was not in the cache. */
function keepLater(cache: CodeCache, loaded: ReadonlyMap<string, Loaded>): void {
  let isOver = false
  const keep = () => {
    if (isOver || [...loaded.values()].every(({cached}) => cached)) return
    cache.write(
      [...loaded].map(([name, {text, script}]) => ({
        name,
        text,
        produce: () => script.createCachedData(),
      })),
    )
  }
  process.once('exit', keep)
  setTimeout(() => {
    keep()
    isOver = true
    letHeapGrow()
  }, KEEP_MS).unref()
}

/** Whatever is compiled from here on is stamped with this flag, and useless to a process without it. */
function letHeapGrow(): void {
  if (Number.parseInt(process.versions.v8, 10) <= HEAP_FLAG_V8_MAX) setFlagsFromString(HEAP_FLAG)
}
