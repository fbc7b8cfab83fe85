// The examples of every command's --help: each is a command line that its command takes, and those that
// need nothing from elsewhere do what they say on a cluster of three nodes and a learner.
import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {readdirSync} from 'node:fs'
import {chmod, mkdir, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {Parser} from '@oclif/core'
import {afterAll, beforeAll, expect, test} from 'vitest'
import {globalFlags} from '../../src/cli/global-flags.js'
import {openShell, program, type Shell} from '../support/shell.js'

const AT_A_TIME = 4
const folder = join(import.meta.dirname, '../../commands')

/** Why an example is not run here; the way that its command takes it is looked at all the same. */
const ELSEWHERE: readonly {like: RegExp; because: string}[] = [
  {like: /10\.0\.0\.|node1\.example/, because: 'needs machines of that address'},
  {like: /\/var\/lib|\/etc\/raftctl|ssh vault/, because: 'needs files or hosts from elsewhere'},
  {
    like: /^node run|^init/,
    because: 'makes nodes that outlive it; the story of real processes has it',
  },
  {like: /^cluster (stop|restart|destroy)|^node (kill|stop)/, because: 'takes the cluster away'},
  {
    like: /^member (remove|replace|demote|set|change|promote)(?!.*--dry-run)/,
    because: 'changes voters',
  },
  {
    like: /^leader|^bench|^top$|^top --interval|--follow|--on-change/,
    because: 'has tests of its own',
  },
  {like: /^kv watch|^wait|^simulate.*--count|^metrics tail --member/, because: 'waits for long'},
  {like: /0000000000005000|^context (use|remove|show) prod/, because: 'needs one of that name'},
]

interface Example {
  readonly id: string
  /** As printed, without the name of the program where it is at the beginning. */
  readonly line: string
}

/** What other examples need, and what takes from them what they need. */
const MAKES = /^cert ca$|^snapshot save backup\.snap$/
const TAKES = /^kv delete|^member update/

let shell: Shell
let examples: readonly Example[]
const classes = new Map<string, {flags?: object; args?: object; strict?: boolean}>()

beforeAll(async () => {
  const found: Example[] = []
  for (const path of readdirSync(folder, {recursive: true, encoding: 'utf8'})) {
    if (!path.endsWith('.ts')) continue
    const id = path.replace(/\.ts$/, '').replaceAll('/', ' ')
    const {default: command} = await import(join(folder, path))
    classes.set(id, command)
    for (const example of command.examples) {
      const text = String(example).replaceAll('<%= config.bin %>', 'raftctl')
      found.push({id, line: text.replace(/^raftctl /, '')})
    }
  }
  examples = found
  shell = await openShell()
  await mkdir(join(shell.home, 'bin'))
  await mkdir(join(shell.home, '.zsh/completions'), {recursive: true})
  await mkdir(join(shell.home, '.config/fish/completions'), {recursive: true})
  const path = join(shell.home, 'bin/raftctl')
  await writeFile(path, `#!/bin/sh\nexec "${process.execPath}" "${program}" "$@"\n`)
  await chmod(path, 0o755)
  for (const line of ['init --nodes 3 --yes', 'member add --learner', 'kv put hello world']) {
    const {status} = await shell.run(line.split(' '))
    expect([line, status]).toEqual([line, 0])
  }
  await shell.run(['kv', 'put', '--stdin'], {input: 'a 1\nuser/x 2\n'})
  await shell.run(['snapshot', 'create', '--member', '2'])
}, 90_000)

afterAll(async () => {
  await shell.end()
})

test('every command has examples, and takes each of them', async () => {
  const wrong: string[] = []
  for (const {id, line} of examples) {
    const argv = argumentsOf(id, line)
    if (argv === undefined) {
      wrong.push(`${line}: does not name "${id}"`)
      continue
    }
    const {flags, args, strict = true} = classes.get(id)!
    const input = {args: args ?? {}, flags: {...globalFlags, ...flags}, strict}
    await Parser.parse(argv, input as Parameters<typeof Parser.parse>[1]).catch(error =>
      wrong.push(`${line}: ${error.message}`),
    )
  }

  expect(wrong).toEqual([])
  expect([...classes.keys()].filter(id => !examples.some(other => other.id === id))).toEqual([])
})

test('what they show is what happens', {timeout: 180_000}, async () => {
  const here = examples.filter(({line}) => !ELSEWHERE.some(({like}) => like.test(line)))
  const wrong: string[] = []
  const run = async ({line}: Example) => {
    const {status, err} = await inBash(line)
    const answers = /^(member plan|kv cas|log show 12|.*--dry-run)/.test(line)
    if (status === 0 || (answers && [12, 17, 20].includes(status))) return
    wrong.push(`"${line}" ended with ${status}: ${err}`)
  }
  const first = here.filter(({line}) => MAKES.test(line))
  const last = here.filter(({line}) => TAKES.test(line))
  for (const example of first) await run(example)
  const left = here.filter(example => !first.includes(example) && !last.includes(example))
  const next = async (): Promise<void> => {
    for (let each = left.shift(); each !== undefined; each = left.shift()) await run(each)
  }
  await Promise.all(Array.from({length: AT_A_TIME}, next))
  for (const example of last) await run(example)

  expect(wrong).toEqual([])
  expect(here.length).toBeGreaterThan(60)
})

test('a reason for not running one belongs to an example', () => {
  const idle = ELSEWHERE.filter(({like}) => !examples.some(({line}) => like.test(line)))

  expect(idle.map(({because}) => because)).toEqual([])
})

/** What stands behind the command's own words, up to a pipe or a redirection. */
function argumentsOf(id: string, line: string): string[] | undefined {
  const own = line.split(/ > |\)$/)[0]!
  const part = own.split(' | ').find(text => text.includes(id))
  if (part === undefined) return undefined
  const words = part.match(/"[^"]*"|\S+/g)!.map(word => word.replaceAll('"', ''))
  const names = id.split(' ')
  const at = words.findIndex((_, i) => names.every((name, j) => words[i + j] === name))
  return at === -1 ? undefined : words.slice(at + names.length)
}

async function inBash(line: string): Promise<{status: number; err: string}> {
  const own = /\braftctl /.test(line) ? line : `raftctl ${line}`
  const child = spawn('bash', ['-o', 'pipefail', '-c', own], {
    cwd: shell.home,
    env: {PATH: `${shell.home}/bin:${process.env.PATH}`, HOME: shell.home},
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: 30_000,
  })
  let err = ''
  child.stderr.on('data', chunk => {
    err += chunk
  })
  const [status] = await once(child, 'close')
  return {status, err}
}
