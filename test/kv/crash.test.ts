import {execFile, spawn} from 'node:child_process'
import {once} from 'node:events'
import {mkdtemp, rm, symlink, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join, resolve} from 'node:path'
import {promisify} from 'node:util'
import {afterAll, expect, test} from 'vitest'
import {LmdbStateMachine} from '../../src/kv/lmdb-state-machine.js'
import {MemoryStateMachine} from '../../src/sim/memory-state-machine.js'
import {contentOf, sha256, temporaryDirectory} from './fixtures.js'
import {workloadEntry} from './workload.js'

const ROOT = resolve(import.meta.dirname, '../..')
const KILLS = 6

/** The child is another process, which runs JavaScript only. */
async function compileChild(directory: string): Promise<string> {
  const config = {
    extends: join(ROOT, 'tsconfig.json'),
    compilerOptions: {rootDir: ROOT, outDir: directory, types: ['node'], noCheck: true},
    files: [join(ROOT, 'test/kv/writer.child.ts')],
    include: [],
  }
  await writeFile(join(directory, 'tsconfig.json'), JSON.stringify(config))
  await writeFile(join(directory, 'package.json'), '{"type":"module"}')
  await symlink(join(ROOT, 'node_modules'), join(directory, 'node_modules'))
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
  await promisify(execFile)(process.execPath, [tsc, '-p', join(directory, 'tsconfig.json')])
  return join(directory, 'test/kv/writer.child.js')
}

let compiled: Promise<string> | undefined
const child = (): Promise<string> => {
  compiled ??= mkdtemp(join(tmpdir(), 'raftctl-kv-child-')).then(compileChild)
  return compiled
}
afterAll(async () => {
  if (compiled !== undefined) await rm(join(await compiled, '../../..'), {recursive: true})
})

interface End {
  readonly lines: readonly string[]
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** Runs a command until it ends, or kills it once it has said so many lines. */
async function run(command: string, args: readonly string[], linesMax: number): Promise<End> {
  const running = spawn(command, args, {stdio: ['ignore', 'pipe', 'ignore']})
  try {
    let output = ''
    running.stdout.on('data', data => {
      output += data
      if (output.split('\n').length > linesMax) running.kill('SIGKILL')
    })
    const [code, signal] = (await once(running, 'close')) as [number | null, NodeJS.Signals | null]
    return {lines: output.split('\n').slice(0, -1), code, signal}
  } finally {
    running.kill('SIGKILL')
  }
}

/** Opens what is left: it is durable, and what the log makes of that index. */
async function expectConsistent(state: string, model: MemoryStateMachine): Promise<number> {
  const machine = await LmdbStateMachine.open(state)
  try {
    expect(machine.durableIndex).toBe(machine.appliedIndex)
    while (model.appliedIndex < machine.appliedIndex) {
      await model.apply([workloadEntry(model.appliedIndex + 1)])
    }
    expect(machine.appliedTerm).toBe(model.appliedTerm)
    expect(sha256(await contentOf(machine))).toBe(sha256(await contentOf(model)))
    return machine.appliedIndex
  } finally {
    await machine.close()
  }
}

test('a state whose process is killed opens as of an applied index, no older than what was durable', async () => {
  const state = join(await temporaryDirectory(), 'state')
  const model = new MemoryStateMachine()

  for (let kill = 0; kill < KILLS; kill++) {
    const {lines, signal} = await run(process.execPath, [await child(), state], 3 + kill * 5)

    expect(signal).toBe('SIGKILL')
    const applied = await expectConsistent(state, model)
    expect(applied).toBeGreaterThanOrEqual(Number(lines.at(-1)))
  }
}, 60_000)

test('a state that can no longer be written refuses everything, and keeps what was durable', async () => {
  const state = join(await temporaryDirectory(), 'state')
  const script = 'ulimit -f 2000; exec "$0" "$@"'
  const args = ['-c', script, process.execPath, await child(), state]

  const {lines, code} = await run('bash', args, 100_000)

  expect(code).toBe(3)
  expect(lines.at(-1)).toBe('RAFTCTL_INPUT_OUTPUT')
  const applied = await expectConsistent(state, new MemoryStateMachine())
  expect(applied).toBe(Number(lines.at(-2)))
}, 60_000)
