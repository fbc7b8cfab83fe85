// Who may import whom. Arrows point inward, type imports obey too, and the core stays pure.
import {readdirSync, readFileSync} from 'node:fs'
import {dirname, join, relative, resolve} from 'node:path'
import {describe, expect, test} from 'vitest'

const root = resolve(import.meta.dirname, '..')

/** Values of the core that others carry about, without its state machine. */
const CORE_VALUES = [
  'raft/types',
  'raft/entry',
  'raft/membership',
  'raft/messages',
  'raft/invariant',
]

/** "room" is a whole room, "room/file" one file (or folder) of it. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  raft: [],
  node: ['raft', 'errors'],
  storage: [...CORE_VALUES, 'raft/log-reader', 'node/ports', 'errors'],
  // kv brings its own service: the generated code, and how calls answer.
  kv: [...CORE_VALUES, 'node/ports', 'node/api', 'errors', 'rpc/gen', 'rpc/codec', 'rpc/status'],
  rpc: ['node', 'raft', 'errors'],
  // Writes leave as the commands that the log will carry.
  client: [
    ...['rpc/gen', 'rpc/codec', 'rpc/status', 'rpc/address', 'rpc/security', 'errors'],
    ...['kv/command', 'kv/pipeline-records', 'kv/results'],
  ],
  // Log entries are decoded where they are shown: commands by kv, memberships by raft.
  // A directory's log is compared with a node's by the same fingerprints.
  operator: ['client', 'errors', 'storage', 'kv', 'rpc/entries-hash', ...CORE_VALUES],
  cluster: ['client', 'errors'],
  cli: ['client', 'operator', 'cluster', 'errors'],
  commands: ['cli', 'operator', 'sim', 'errors'],
  sim: ['raft', 'node', 'storage', 'kv', 'rpc', 'client', 'operator', 'errors'],
  daemon: ['raft', 'node', 'storage', 'kv', 'rpc', 'errors'],
}

/** The only ways to the composition root. */
const MAY_REACH_DAEMON = ['commands/node/run.ts', 'commands/init.ts']

interface Import {
  readonly from: string
  readonly specifier: string
  /** Path below the root, without its extension; undefined for packages. */
  readonly target: string | undefined
}

const files = [...sources('src'), ...sources('commands')]
const imports = files.flatMap(importsOf)

describe('the rooms', () => {
  test('import only what the rule allows', () => {
    const broken = imports.filter(
      ({from, target}) => target !== undefined && !allowed(from, target),
    )

    expect(broken.map(({from, specifier}) => `${from} imports ${specifier}`)).toEqual([])
  })

  test('are all known to the rule', () => {
    const unknown = files.filter(file => ALLOWED[roomOf(file)] === undefined)

    expect(unknown).toEqual([])
  })

  test('have no cycle between files', () => {
    expect(cycles()).toEqual([])
  })

  test('leave the words of the shell to src/cli', () => {
    const shell = /^(?:cli-table3|ora|inquirer|@oclif\/core.*)$/
    const broken = imports.filter(
      ({from, specifier}) => shell.test(specifier) && roomOf(from) !== 'cli',
    )

    expect(broken.map(({from, specifier}) => `${from} imports ${specifier}`)).toEqual([])
  })

  test('are named in kebab-case', () => {
    const names = files.map(file => file.split('/').at(-1) as string)

    expect(names.filter(name => !/^[a-z0-9]+(?:-[a-z0-9]+)*\.ts$/.test(name))).toEqual([])
  })
})

describe('the core', () => {
  const core = files.filter(file => roomOf(file) === 'raft')

  test('imports nothing from outside itself', () => {
    const outside = imports.filter(
      ({from, target}) =>
        roomOf(from) === 'raft' && (target === undefined || roomOf(target) !== 'raft'),
    )

    expect(outside.map(({from, specifier}) => `${from} imports ${specifier}`)).toEqual([])
  })

  // A clock, a timer, a promise or global randomness would make the same inputs give other outputs.
  const impure = [
    ...['Date', 'Math\\.random', 'setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'],
    ...['performance', 'process', 'async', 'await', 'Promise', 'crypto', 'globalThis', 'console'],
    ...['require', 'fetch', 'structuredClone', 'SharedArrayBuffer', 'Atomics', 'WeakRef'],
  ]

  for (const word of impure) {
    test(`never says ${word.replace('\\', '')}`, () => {
      const pattern = new RegExp(`(?<![\\w$.'-])${word}(?![\\w$'-])`)
      const guilty = core.filter(file => pattern.test(code(file)))

      expect(guilty).toEqual([])
    })
  }

  test('is looked at in the first place', () => {
    expect(core.length).toBeGreaterThan(5)
    expect(code('src/node/ports.ts')).toMatch(/Promise</)
  })
})

test('the reader of sources drops comments and strings, and keeps what templates compute', () => {
  const text = strip("const a = 'async' // await\n/* Promise\n */ const b = `Date $" + '{now}`')

  expect(text).not.toMatch(/async|await|Promise|Date/)
  expect(text).toMatch(/const b = `now`/)
})

function allowed(from: string, target: string): boolean {
  const room = roomOf(from)
  if (roomOf(target) === room) return true
  if (target === 'src/daemon') return MAY_REACH_DAEMON.includes(from)
  const path = target.replace(/^src\//, '')
  return (ALLOWED[room] ?? []).some(rule => path === rule || path.startsWith(`${rule}/`))
}

function roomOf(path: string): string {
  const [first, second] = path.replace(/\.ts$/, '').split('/')
  return first === 'src' ? (second as string) : (first as string)
}

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), {recursive: true, encoding: 'utf8'})
    .map(name => join(folder, name))
    .filter(name => name.endsWith('.ts') && !name.startsWith('src/rpc/gen'))
    .sort()
}

function importsOf(from: string): Import[] {
  const text = readFileSync(join(root, from), 'utf8')
  // Static, re-exporting, dynamic, and `typeof import()`.
  const pattern = /(?:\bfrom\s*|\bimport\s*\(?\s*)'([^'\s]+)'/g
  return [...text.matchAll(pattern)].map(match => {
    const specifier = match[1] as string
    const target = specifier.startsWith('.')
      ? relative(root, resolve(root, dirname(from), specifier)).replace(/\.js$/, '')
      : undefined
    return {from, specifier, target}
  })
}

function cycles(): string[] {
  const graph = new Map<string, string[]>()
  for (const {from, target} of imports) {
    if (target === undefined) continue
    const file = from.replace(/\.ts$/, '')
    graph.set(file, [...(graph.get(file) ?? []), target])
  }
  const found: string[] = []
  const done = new Set<string>()
  const visit = (file: string, path: readonly string[]) => {
    const at = path.indexOf(file)
    if (at !== -1) {
      found.push([...path.slice(at), file].join(' → '))
      return
    }
    if (done.has(file)) return
    for (const next of graph.get(file) ?? []) visit(next, [...path, file])
    done.add(file)
  }
  for (const file of graph.keys()) visit(file, [])
  return found
}

function code(file: string): string {
  return strip(readFileSync(join(root, file), 'utf8'))
}

/** Without comments, and with strings emptied but for what a template computes. */
function strip(text: string): string {
  return text.replace(
    /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g,
    part => {
      if (part.startsWith('/')) return ' '
      const computed = part.startsWith('`') ? [...part.matchAll(/\$\{([^}]*)\}/g)] : []
      return `${part[0]}${computed.map(match => match[1]).join(' ')}${part[0]}`
    },
  )
}
