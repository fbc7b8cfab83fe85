/** The simulation as plain JavaScript in a directory of its own, to be run, or patched and run. */
import {execFile, spawn} from 'node:child_process'
import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join, resolve} from 'node:path'
import {promisify} from 'node:util'
import type {RunReport} from '../../src/sim/run.js'

const root = resolve(import.meta.dirname, '..', '..')

export interface Compiled {
  /** Runs `main.js --json`; the report, and the exit status. */
  run(...args: string[]): Promise<{report: RunReport; status: number | null}>
  /** Replaces the one occurrence of `from` in a compiled file, such as `raft/log.js`. */
  patch(file: string, from: string, to: string): Promise<void>
  /** Ends what still runs, and removes the directory. */
  remove(): Promise<void>
}

/** Compiles `src/sim` and everything that it imports. */
export async function compileSimulation(): Promise<Compiled> {
  const directory = await mkdtemp(join(tmpdir(), 'raftctl-sim-'))
  const config = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: {
      rootDir: root,
      outDir: directory,
      typeRoots: [join(root, 'node_modules', '@types')],
      sourceMap: false,
    },
    include: [join(root, 'src', 'sim')],
    exclude: [],
  }
  await writeFile(join(directory, 'package.json'), '{"type": "module"}')
  await writeFile(join(directory, 'tsconfig.json'), JSON.stringify(config))
  const tsc = join(root, 'node_modules', '.bin', 'tsc')
  await promisify(execFile)(tsc, ['-p', join(directory, 'tsconfig.json')])
  const running = new Set<number>()
  return {
    run: (...args) => run(join(directory, 'src', 'sim', 'main.js'), args, running),
    patch: async (file, from, to) => {
      const path = join(directory, 'src', file)
      const source = await readFile(path, 'utf8')
      if (source.split(from).length !== 2)
        throw new Error(`${file} does not hold this once: ${from}`)
      await writeFile(
        path,
        source.replace(from, () => to),
      )
    },
    remove: async () => {
      for (const pid of running) process.kill(pid, 'SIGKILL')
      await rm(directory, {recursive: true, force: true})
    },
  }
}

function run(main: string, args: readonly string[], running: Set<number>) {
  return new Promise<{report: RunReport; status: number | null}>((done, fail) => {
    const child = spawn(process.execPath, [main, '--json', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const {pid} = child
    if (pid !== undefined) running.add(pid)
    let output = ''
    let errors = ''
    child.stdout.on('data', data => {
      output += data
    })
    child.stderr.on('data', data => {
      errors += data
    })
    child.on('error', fail)
    child.on('close', status => {
      if (pid !== undefined) running.delete(pid)
      try {
        done({report: JSON.parse(output) as RunReport, status})
      } catch {
        fail(new Error(`no report: ${output.slice(0, 500)} ${errors.slice(0, 2000)}`))
      }
    })
  })
}
