import {execFile, spawn} from 'node:child_process'
import {mkdir, symlink, writeFile} from 'node:fs/promises'
import {join, resolve} from 'node:path'
import {promisify} from 'node:util'
import {expect, test} from 'vitest'
import {LmdbStateMachine} from '../../src/kv/lmdb-state-machine.js'
import {MemoryStateMachine} from '../../src/sim/memory-state-machine.js'
import {contentOf, sha256, temporaryDirectory} from './fixtures.js'
import {workloadEntry} from './workload.js'

const ROOT = resolve(import.meta.dirname, '../..')
const KILLS = 6

/** The child is another process, which runs JavaScript only. */
async function compileChild(directory: string): Promise<string> {
  await mkdir(directory)
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

/** Kills the child once it has said something `lines` times; gives the last number that it said. */
async function killAfter(child: string, state: string, lines: number): Promise<number> {
  const process_ = spawn(process.execPath, [child, state], {stdio: ['ignore', 'pipe', 'inherit']})
  try {
    let output = ''
    const exited = new Promise<NodeJS.Signals | null>(done =>
      process_.once('close', (_, signal) => done(signal)),
    )
    process_.stdout.on('data', data => {
      output += data
      if (output.split('\n').length > lines) process_.kill('SIGKILL')
    })
    expect(await exited).toBe('SIGKILL')
    return Number(output.split('\n').at(-2))
  } finally {
    process_.kill('SIGKILL')
  }
}

test('a state whose process is killed opens as of an applied index, no older than what was durable', async () => {
  const directory = await temporaryDirectory()
  const child = await compileChild(join(directory, 'compiled'))
  const state = join(directory, 'state')
  const model = new MemoryStateMachine()

  for (let kill = 0; kill < KILLS; kill++) {
    const durable = await killAfter(child, state, 3 + kill * 5)

    const machine = await LmdbStateMachine.open(state)
    try {
      expect(durable).toBeGreaterThan(0)
      expect(machine.appliedIndex).toBeGreaterThanOrEqual(durable)
      expect(machine.durableIndex).toBe(machine.appliedIndex)
      while (model.appliedIndex < machine.appliedIndex) {
        await model.apply([workloadEntry(model.appliedIndex + 1)])
      }
      expect(machine.appliedTerm).toBe(model.appliedTerm)
      expect(sha256(await contentOf(machine))).toBe(sha256(await contentOf(model)))
    } finally {
      await machine.close()
    }
  }
}, 60_000)
