// The built program as it is started: what it loads, what it keeps, and what it does without a bundle.
import {execFile, spawn} from 'node:child_process'
import {once} from 'node:events'
import {
  cp,
  mkdir,
  readdir,
  readFile,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises'
import {dirname, join} from 'node:path'
import {text} from 'node:stream/consumers'
import {promisify} from 'node:util'
import {beforeAll, describe, expect, test} from 'vitest'
import {openShell, program} from '../support/shell.js'
import {temporaryDirectory} from '../support/temporary.js'

const root = dirname(dirname(program))
const bundle = join(root, 'dist', 'bundle')
const run = promisify(execFile)

const HEAVY = ['@grpc/grpc-js', '@peculiar/x509', 'cli-table3', 'inquirer', 'lmdb', 'ora']
const NOWHERE = ['--endpoint', '127.0.0.1:1', '--timeout', '100ms']

beforeAll(async () => {
  // Refuses a build that is older than the sources.
  await (await openShell()).end()
})

const needs = [
  {args: ['--version'], heavy: []},
  {args: ['--help'], heavy: []},
  {args: ['kv', 'put', '--help'], heavy: []},
  {args: ['kv', 'put'], heavy: []},
  {args: ['context', 'list'], heavy: []},
  {args: ['cluster', 'list'], heavy: []},
  {args: ['log', 'verify', '--data-dir', '/nowhere'], heavy: []},
  {args: ['status', ...NOWHERE], heavy: ['@grpc/grpc-js']},
  {args: ['kv', 'put', 'hello', 'world', ...NOWHERE], heavy: ['@grpc/grpc-js']},
  {args: ['cert', 'ca', '--dir', 'certs'], heavy: ['@peculiar/x509']},
  {
    args: ['node', 'run', '--listen', '127.0.0.1:0', '--data-dir', '/dev/null/x', '--insecure'],
    heavy: ['@grpc/grpc-js', 'lmdb'],
  },
]

for (const {args, heavy} of needs) {
  const what = heavy.length === 0 ? 'none of the heavy modules' : heavy.join(' and ')
  test(`"raftctl ${args.join(' ')}" loads ${what}`, async () => {
    const home = await temporaryDirectory()
    const list = join(home, 'loaded')
    const probe = join(root, 'test', 'support', 'loaded-files.cjs')
    const env = {PATH: process.env.PATH, HOME: home, LOADED_FILES: list}

    const command = run(process.execPath, ['--require', probe, program, ...args], {cwd: home, env})
    await command.catch(() => {})

    const files = (await readFile(list, 'utf8')).split('\n')
    expect(files).toContain(join(bundle, 'main.js'))
    expect((await packagesOf(files)).filter(name => HEAVY.includes(name)).sort()).toEqual(heavy)
  })
}

describe('a copy of the package', () => {
  test('runs the plain build where there is no bundle, or an older one', async () => {
    const copy = await copied()
    const withBundle = await run(process.execPath, [copy.program, '--version'])
    await utimes(join(copy.bundle, 'main.js'), 1, 1)
    const stale = await run(process.execPath, [copy.program, '--version'])
    await rm(copy.bundle, {recursive: true})
    const without = await run(process.execPath, [copy.program, '--version'])

    expect([stale.stdout, without.stdout]).toEqual([withBundle.stdout, withBundle.stdout])
  })

  test('keeps what V8 compiled, and takes no harm when that is torn', async () => {
    const copy = await copied()
    const first = await run(process.execPath, [copy.program, 'kv', '--help'])
    const kept = await cacheFiles(copy.bundle)
    for (const file of kept) await truncate(file, 1000)
    const torn = await run(process.execPath, [copy.program, 'kv', '--help'])
    for (const file of kept) await flipEveryByte(file)
    const flipped = await run(process.execPath, [copy.program, 'kv', '--help'])

    expect(kept.length).toBeGreaterThan(3)
    expect([torn, flipped]).toEqual([first, first])
  })
})

test('who lives long gets a heap that is collected less often, and takes no harm in it', async () => {
  const home = await temporaryDirectory()
  const flags = join(home, 'flags')
  const probe = join(root, 'test', 'support', 'v8-flags.cjs')
  const env = {PATH: process.env.PATH, HOME: home, V8_FLAGS: flags, NODE_OPTIONS: `-r ${probe}`}
  const args = ['node', 'run', '--listen', '127.0.0.1:0', '--data-dir', 'd', '--insecure']

  await run(process.execPath, [program, '--version'], {cwd: home, env})
  const node = spawn(process.execPath, [program, ...args], {cwd: home, env})
  const ended = once(node, 'exit')
  const told = text(node.stderr)
  try {
    await expect.poll(() => readFile(flags, 'utf8'), {timeout: 20_000}).toContain('heap')
  } finally {
    node.kill()
  }

  expect(await ended).toEqual([0, null])
  expect(await told).not.toContain('unrecognized')
  expect(await readFile(flags, 'utf8')).toBe('--heap-growing-percent=150\n')
})

test('the stack of a failure leads to the sources', async () => {
  const failed = run(process.execPath, [program, 'kv', 'get', '--verbose'])

  const {stderr} = await failed.catch((error: {stderr: string}) => error)
  expect(stderr).toContain(`${root}/src/cli/base-command.ts:`)
  expect(stderr).not.toContain('dist/bundle')
})

test('npm pack holds what runs and what tells how, and nothing else', {
  timeout: 60_000,
}, async () => {
  const {stdout} = await run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: root,
  })

  const paths = (JSON.parse(stdout) as [{files: {path: string}[]}])[0].files.map(({path}) => path)
  const kinds = new Set(paths.map(kindOf))
  expect([...kinds].sort()).toEqual([
    'LICENSE',
    'README.md',
    'bin/package.json',
    'bin/run.js',
    'dist/bundle/*',
    'dist/commands/*',
    'dist/src/*',
    'docs/*',
    'man/*',
    'oclif.manifest.json',
    'package.json',
  ])
  expect(paths).toContain('dist/bundle/launch.cjs')
  expect(paths).toContain('dist/bundle/main.js.map')
  expect(
    paths.filter(path => /\.cache|\/(?:bundle|manifest|manual|demo)\.js|\.ts$/.test(path)),
  ).toEqual([])
})

function kindOf(path: string): string {
  const [, directory] = /^(dist\/(?:bundle|commands|src)|docs|man)\//.exec(path) ?? []
  return directory === undefined ? path : `${directory}/*`
}

/** Of node_modules, as chunks of the bundle say in their maps, or by themselves. */
async function packagesOf(files: readonly string[]): Promise<string[]> {
  const names = new Set(files)
  for (const file of files) {
    if (dirname(file) !== bundle || !file.endsWith('.js')) continue
    const {sources} = JSON.parse(await readFile(`${file}.map`, 'utf8')) as {sources: string[]}
    for (const source of sources) {
      const name = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(source)?.[1]
      if (name !== undefined) names.add(name)
    }
  }
  return [...names]
}

async function copied() {
  const copy = await temporaryDirectory()
  await mkdir(join(copy, 'dist'))
  for (const name of ['package.json', 'oclif.manifest.json', 'bin', 'dist/src', 'dist/commands']) {
    await cp(join(root, name), join(copy, name), {recursive: true, preserveTimestamps: true})
  }
  const filter = (path: string) => !path.endsWith('.cache')
  const own = join(copy, 'dist', 'bundle')
  await cp(bundle, own, {recursive: true, preserveTimestamps: true, filter})
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'))
  return {program: join(copy, 'bin', 'run.js'), bundle: own}
}

async function cacheFiles(directory: string): Promise<string[]> {
  const entries = await readdir(join(directory, '.cache'), {recursive: true, withFileTypes: true})
  return entries.filter(entry => entry.isFile()).map(({parentPath, name}) => join(parentPath, name))
}

async function flipEveryByte(file: string): Promise<void> {
  const bytes = await readFile(file)
  await writeFile(
    file,
    bytes.map(byte => byte ^ 0xff),
  )
}
