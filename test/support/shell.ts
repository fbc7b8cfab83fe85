/** The built CLI in a home of its own, and the certainty that no process of it stays behind. */
import {spawn} from 'node:child_process'
import {existsSync, readdirSync, readFileSync, statSync} from 'node:fs'
import {mkdtemp, realpath, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join, resolve} from 'node:path'

const root = resolve(import.meta.dirname, '..', '..')
export const program = join(root, 'bin', 'run.js')

export interface Outcome {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
  /** Standard output as one JSON object. */
  json(): Record<string, unknown>
  /** Standard output as one JSON object a line. */
  records(): Record<string, unknown>[]
  /** The last line of standard error as the JSON object of a failure. */
  failure(): Record<string, unknown>
}

export interface RunOptions {
  readonly input?: string
  readonly timeoutMs?: number
  readonly env?: Readonly<Record<string, string>>
  /** Called with the pid as soon as there is one. */
  readonly onSpawn?: (pid: number) => void
  /** Called with the first that comes on standard output. */
  readonly onOutput?: () => void
}

export interface Shell {
  readonly home: string
  run(args: readonly string[], options?: RunOptions): Promise<Outcome>
  /** Pids of node processes whose data lies in this home. */
  nodePids(): number[]
  /** Kills what is left, by pid, and removes the home. */
  end(): Promise<void>
}

export async function openShell(): Promise<Shell> {
  refuseStaleBuild()
  const home = await realpath(await mkdtemp(join(tmpdir(), 'raftctl-home-')))
  const running = new Set<number>()
  const nodePids = () => processesOf(home)
  return {
    home,
    nodePids,
    run: (args, options = {}) => runOnce(home, args, options, running),
    end: async () => {
      for (const pid of running) killQuietly(pid)
      for (const pid of nodePids()) killQuietly(pid)
      await rm(home, {recursive: true, force: true, maxRetries: 5})
    },
  }
}

function runOnce(
  home: string,
  args: readonly string[],
  options: RunOptions,
  running: Set<number>,
): Promise<Outcome> {
  return new Promise((resolveOutcome, reject) => {
    const child = spawn(process.execPath, [program, ...args], {
      cwd: home,
      env: {PATH: process.env.PATH, HOME: home, LC_ALL: 'C', ...options.env},
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    const out: Buffer[] = []
    const err: Buffer[] = []
    if (child.pid !== undefined) {
      running.add(child.pid)
      options.onSpawn?.(child.pid)
    }
    const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 60_000)
    child.stdout.on('data', chunk => out.push(chunk))
    child.stdout.once('data', () => options.onOutput?.())
    child.stderr.on('data', chunk => err.push(chunk))
    child.stdin.on('error', () => {})
    child.stdin.end(options.input ?? '')
    child.once('error', reject)
    child.once('close', (status, signal) => {
      clearTimeout(timer)
      if (child.pid !== undefined) running.delete(child.pid)
      resolveOutcome(outcomeOf(status, signal, Buffer.concat(out), Buffer.concat(err)))
    })
  })
}

function outcomeOf(
  status: number | null,
  signal: NodeJS.Signals | null,
  out: Buffer,
  err: Buffer,
): Outcome {
  const stdout = out.toString('utf8')
  const stderr = err.toString('utf8')
  const lines = (text: string) => text.split('\n').filter(line => line !== '')
  return {
    status,
    signal,
    stdout,
    stderr,
    json: () => JSON.parse(stdout),
    records: () => lines(stdout).map(line => JSON.parse(line)),
    failure: () => JSON.parse(lines(stderr).at(-1) ?? ''),
  }
}

/** By what they were started with, so that even a node that nobody recorded is found. */
function processesOf(home: string): number[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
    .filter(pid => {
      try {
        const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
        return args.includes('node') && args.some(arg => arg.startsWith(`${home}/`))
      } catch {
        return false
      }
    })
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself.
  }
}

/** A test of an older build would say nothing about the sources. */
function refuseStaleBuild(): void {
  const manifest = join(root, 'oclif.manifest.json')
  if (!existsSync(manifest)) throw new Error('run "npm run build" first')
  const built = statSync(manifest).mtimeMs
  for (const folder of ['src', 'commands']) {
    for (const name of readdirSync(join(root, folder), {recursive: true, encoding: 'utf8'})) {
      const path = join(root, folder, name)
      if (name.endsWith('.ts') && statSync(path).mtimeMs > built) {
        throw new Error(`${path} is newer than the build: run "npm run build"`)
      }
    }
  }
}
