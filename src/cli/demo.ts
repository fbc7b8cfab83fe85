/**
 * The tour of the README, through the real command line, in a home of its own: `npm run demo`.
 * Prints each command and what it says; ends with 1 at the first that fails; leaves nothing behind.
 */
import type {ChildProcess} from 'node:child_process'
import {spawn} from 'node:child_process'
import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {packageRoot} from '../cluster/paths.js'

const program = join(packageRoot(), 'bin', 'run.js')
/** No step takes this long; one that does is stuck. */
const STEP_MS = 30_000
const started = performance.now()
const home = await mkdtemp(join(tmpdir(), 'raftctl-demo-'))
let running: ChildProcess | undefined
let interrupted = false

// Ctrl-C reaches the running command too, which ends by itself; then we clean up.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    interrupted = true
    running?.kill(signal)
  })
}

// Whoever reads may go away (`| head`): the tour goes on unseen, to its cleaning up.
process.stdout.on('error', () => {})

interface Step {
  /** What to look at. */
  readonly say: string
  readonly args: readonly string[]
  readonly input?: string
}

try {
  await tour()
  const seconds = ((performance.now() - started) / 1_000).toFixed(1)
  tell(`Done in ${seconds} s. Nothing of it is left on this machine.`)
} catch (error) {
  process.exitCode = interrupted ? 130 : 1
  process.stderr.write(`\ndemo: ${error instanceof Error ? error.message : String(error)}\n`)
} finally {
  interrupted = false
  await run(['cluster', 'destroy', 'demo', '--yes'], {quiet: true})
  await rm(home, {recursive: true, force: true})
}

async function tour(): Promise<void> {
  await show({
    say: 'A cluster of three processes, from one command.',
    args: ['init', '--nodes', '3', '--name', 'demo', '--yes'],
  })
  await show({say: 'How it is.', args: ['status']})
  await show({
    say: 'A write, acknowledged once a majority has it on disk.',
    args: put('hello', 'world'),
  })
  await show({
    say: 'Many writes at once, from a pipe.',
    args: ['kv', 'put', '--stdin'],
    input: Array.from({length: 200}, (_, i) => `key-${i} value-${i}\n`).join(''),
  })
  await show({say: 'A read that sees every acknowledged write.', args: ['kv', 'get', 'hello']})
  await show({say: 'A fourth process, as a learner.', args: ['member', 'add', '--learner']})
  await show({
    say: 'It becomes a voter once it has caught up.',
    args: ['member', 'promote', '4', '--wait', '--timeout', '15s'],
  })
  await show({say: 'A snapshot.', args: ['snapshot', 'create']})
  await show({
    say: 'The log, as it was committed.',
    args: ['log', 'dump', '--from', '1', '--to', '8'],
  })
  await show({
    say: 'The figures, twice.',
    args: ['metrics', 'tail', '--count', '2', '--interval', '500ms'],
  })

  const leader = await leaderId()
  await show({say: 'The leader dies (SIGKILL).', args: ['node', 'kill', leader]})
  await show({say: 'The others elect a new one; nothing is lost.', args: ['kv', 'get', 'hello']})
  await show({say: 'The dead node comes back and catches up.', args: ['node', 'start', leader]})
  await show({say: 'How it is now.', args: ['status']})
  await show({
    say: 'The end: no process and no file stays.',
    args: ['cluster', 'destroy', 'demo', '--yes'],
  })
}

function put(key: string, value: string): string[] {
  return ['kv', 'put', key, value]
}

async function show({say, args, input}: Step): Promise<void> {
  tell(`\n# ${say}\n$ raftctl ${args.join(' ')}${input === undefined ? '' : '   < 200 lines'}`)
  const {status} = await run(args, {input})
  // A value is printed as it is, without an end of its line.
  if (args[1] === 'get') tell('')
  if (interrupted) throw new Error('interrupted')
  if (status !== 0) throw new Error(`"raftctl ${args.join(' ')}" ended with ${status}`)
}

async function leaderId(): Promise<string> {
  const {status, stdout} = await run(['status', '--json'], {capture: true})
  if (status !== 0) throw new Error(`"raftctl status --json" ended with ${status}`)
  const {leaderId: id} = JSON.parse(stdout) as {leaderId: number | null}
  if (id === null) throw new Error('nobody leads')
  return String(id)
}

interface How {
  readonly input?: string | undefined
  readonly capture?: boolean
  readonly quiet?: boolean
}

function run(args: readonly string[], how: How): Promise<{status: number | null; stdout: string}> {
  return new Promise((resolve, reject) => {
    const out = how.quiet ? 'ignore' : how.capture ? 'pipe' : 'inherit'
    const child = spawn(process.execPath, [program, ...args], {
      stdio: [how.input === undefined ? 'ignore' : 'pipe', out, how.quiet ? 'ignore' : 'inherit'],
      env: ownEnvironment(),
    })
    running = child
    const timer = setTimeout(() => child.kill('SIGTERM'), STEP_MS)
    let stdout = ''
    child.stdout?.on('data', chunk => {
      stdout += String(chunk)
    })
    child.stdin?.on('error', () => {})
    child.stdin?.end(how.input)
    child.once('error', reject)
    child.once('close', status => {
      running = undefined
      clearTimeout(timer)
      resolve({status, stdout})
    })
  })
}

/** Without what would lead the demo to somebody's real clusters. */
function ownEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('RAFTCTL_') && !name.startsWith('XDG_'),
  )
  return {...Object.fromEntries(kept), HOME: home}
}

function tell(text: string): void {
  process.stdout.write(`${text}\n`)
}
