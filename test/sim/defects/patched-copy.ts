/** A copy of the sources with one defect in it, and the finders that run on it. */
import {spawn} from 'node:child_process'
import {cp, mkdtemp, readFile, realpath, rm, symlink, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join, resolve} from 'node:path'
import type {Defect, Finder} from './defect.js'

const ROOT = resolve(import.meta.dirname, '../../..')
const COPIED = ['src', 'commands', 'test', 'package.json', 'tsconfig.json', 'vitest.config.ts']
const RUNNER = 'test/support/schedule-runner'
const SIMULATOR = 'src/sim/main'
/** A finder that takes longer than this has found an endless loop. */
const PATIENCE_MS = 120_000

export interface Found {
  /** The violated claim, the failed test, or that it never ended. */
  readonly by: string
  /** The seed that found it; undefined for tests. */
  readonly seed: number | undefined
}

let looking = 0
const queue: (() => void)[] = []

/**
 * Puts the defect into a copy and lets its finder look; undefined when it finds nothing. Two look at a
 * time: other tests of the same run have clocks to keep.
 */
export async function find(defect: Defect): Promise<Found | undefined> {
  if (looking === 2) await new Promise<void>(resolve => queue.push(resolve))
  else looking++
  try {
    return await findInCopy(defect)
  } finally {
    const next = queue.shift()
    if (next) next()
    else looking--
  }
}

async function findInCopy(defect: Defect): Promise<Found | undefined> {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'raftctl-defect-')))
  try {
    for (const name of COPIED) await cp(join(ROOT, name), join(root, name), {recursive: true})
    await symlink(join(ROOT, 'node_modules'), join(root, 'node_modules'))
    await applyPatches(defect, root)
    return await look(defect.finder, root)
  } finally {
    await rm(root, {recursive: true, force: true})
  }
}

/** Each text must be there exactly once: a defect that no longer fits the sources is an error. */
async function applyPatches({name, patches}: Defect, root: string): Promise<void> {
  for (const {file, find, replace} of patches) {
    const path = join(root, file)
    const text = await readFile(path, 'utf8')
    const times = text.split(find).length - 1
    if (times !== 1) throw new Error(`"${name}": found ${times} times in ${file}: ${find}`)
    await writeFile(
      path,
      text.replace(find, () => replace),
    )
  }
}

function look(finder: Finder, root: string): Promise<Found | undefined> {
  switch (finder.kind) {
    case 'schedules':
      return runSchedules(finder.seedsMax, root)
    case 'simulation':
      return runSimulation(finder.seedsMax, root)
    case 'test':
      return runTests(finder, root)
  }
}

/** Compiles a file of the copy, and what it imports, without looking at types. */
async function compile(file: string, root: string): Promise<void> {
  const config = {
    extends: './tsconfig.json',
    compilerOptions: {outDir: 'out', rootDir: '.', sourceMap: false, skipLibCheck: true},
    include: [],
    files: [`${file}.ts`],
  }
  await writeFile(join(root, 'tsconfig.runner.json'), JSON.stringify(config))
  const tsc = [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.runner.json']
  const {status, output} = await run([...tsc, '--noCheck'], root)
  if (status !== 0) throw new Error(`the copy does not compile: ${output}`)
}

async function runSimulation(seedsMax: number, root: string): Promise<Found | undefined> {
  await compile(SIMULATOR, root)
  const args = ['--seeds', `1..${seedsMax}`, '--steps', '5000', '--json']
  const {status, output} = await run([`out/${SIMULATOR}.js`, ...args], root)
  if (status === 0) return undefined
  if (status === undefined) return {by: 'never ended', seed: undefined}
  const start = output.indexOf('{')
  if (start < 0) throw new Error(`the simulator could not be run: ${output}`)
  const {violations} = JSON.parse(output.slice(start)) as {
    violations: {seed: number; checker: string; message: string}[]
  }
  const {seed, checker, message} = violations[0]!
  return {by: `${checker}: ${message}`, seed}
}

async function runSchedules(seedsMax: number, root: string): Promise<Found | undefined> {
  await compile(RUNNER, root)
  const {status, output} = await run([`out/${RUNNER}.js`, '1', `${seedsMax}`, '4000'], root)
  if (status === 0) return undefined
  if (status === undefined) return {by: 'never ended', seed: undefined}
  const {seed, violation} = JSON.parse(output) as {seed: number; violation: string}
  return {by: violation, seed}
}

async function runTests(
  {file, title}: Extract<Finder, {kind: 'test'}>,
  root: string,
): Promise<Found | undefined> {
  const vitest = [join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', '--root', root, file]
  const report = join(root, 'report.json')
  const only = title === undefined ? [] : ['-t', title.replace(/[()]/g, '.')]
  const {status} = await run(
    [...vitest, ...only, '--reporter', 'json', '--outputFile', report, '--bail', '1'],
    root,
  )
  if (status === 0) return undefined
  if (status === undefined) return {by: 'never ended', seed: undefined}
  const {testResults} = JSON.parse(await readFile(report, 'utf8')) as {
    testResults: {assertionResults: {status: string; title: string}[]}[]
  }
  const failed = testResults
    .flatMap(({assertionResults}) => assertionResults)
    .find(result => result.status === 'failed')
  if (failed === undefined) throw new Error(`${file} could not be run on the copy`)
  return {by: failed.title, seed: undefined}
}

interface Outcome {
  /** undefined: it had to be ended. */
  readonly status: number | undefined
  readonly output: string
}

function run(args: readonly string[], cwd: string): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const env = {...process.env, RAFT_TRACE: '', RAFT_SEEDS: undefined}
    const child = spawn(process.execPath, args, {cwd, env, stdio: ['ignore', 'pipe', 'pipe']})
    let output = ''
    let isLate = false
    const timer = setTimeout(() => {
      isLate = true
      child.kill('SIGKILL')
    }, PATIENCE_MS)
    child.stdout.on('data', data => {
      output += data
    })
    child.stderr.on('data', data => {
      output += data
    })
    child.on('error', reject)
    child.on('close', status => {
      clearTimeout(timer)
      resolve({status: isLate ? undefined : (status ?? -1), output})
    })
  })
}
