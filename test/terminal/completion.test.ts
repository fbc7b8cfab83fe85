// Completion as the shells themselves ask for it.
import {spawnSync} from 'node:child_process'
import {chmod, mkdir, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {afterAll, beforeAll, expect, test} from 'vitest'
import {SCRIPTS, SHELLS} from '../../src/cli/completion/scripts.js'
import {openShell, program, type Shell} from '../support/shell.js'

let shell: Shell

beforeAll(async () => {
  shell = await openShell()
  await mkdir(join(shell.home, 'bin'))
  const raftctl = join(shell.home, 'bin', 'raftctl')
  await writeFile(raftctl, `#!/bin/sh\nexec "${process.execPath}" "${program}" "$@"\n`)
  await chmod(raftctl, 0o755)
  const made = await shell.run(['init', '--nodes', '1', '--name', 'comp', '--yes'])
  expect(made.stderr + made.status).toBe('0')
})

afterAll(async () => {
  await shell.end()
})

/** What bash would offer for these words, the last of which is at the cursor. */
function inBash(...words: string[]): string[] {
  const line = ['raftctl', ...words].map(word => `'${word}'`).join(' ')
  const script = `
    source <(raftctl completion bash)
    COMP_WORDS=(${line}); COMP_CWORD=${words.length}
    _raftctl raftctl '${words.at(-1)}' '${words.at(-2) ?? 'raftctl'}'
    printf '%s\\n' "\${COMPREPLY[@]}"`
  const done = run('bash', ['-c', script])
  expect([done.status, done.stderr]).toEqual([0, ''])
  return done.stdout.split('\n').filter(word => word !== '')
}

function run(command: string, args: readonly string[]) {
  const env = {PATH: `${shell.home}/bin:${process.env.PATH}`, HOME: shell.home}
  return spawnSync(command, args, {env, cwd: shell.home, encoding: 'utf8'})
}

test('bash completes commands, flags, contexts, clusters, members and files', async () => {
  await writeFile(join(shell.home, 'a file.snapshot'), '')

  expect(inBash('mem')).toEqual(['member'])
  expect(inBash('member', 'pro')).toEqual(['promote'])
  expect(inBash('member', 'promote', '--wa')).toEqual(['--wait'])
  expect(inBash('status', '--context', '')).toEqual(['comp'])
  expect(inBash('cluster', 'stop', 'c')).toEqual(['comp'])
  expect(inBash('member', 'show', '')).toEqual(['1'])
  expect(inBash('snapshot', 'verify', 'a')).toEqual(['a file.snapshot'])
})

test('members are known while nothing runs, and nothing is said when they can not be known', () => {
  const nowhere = run('raftctl', [
    ...['completion', 'words', '--', '--endpoint', '127.0.0.1:1', 'member', 'show', ''],
  ])

  expect([nowhere.status, nowhere.stdout, nowhere.stderr]).toEqual([0, '', ''])
  for (const pid of shell.nodePids()) process.kill(pid, 'SIGKILL')
  expect(inBash('member', 'show', '')).toEqual(['1'])
  expect(inBash('--context', 'none', 'member', 'show', '')).toEqual([])
})

for (const name of SHELLS) {
  const there = spawnSync(name, ['-c', 'true']).error === undefined
  test.skipIf(!there)(`${name} takes the script`, () => {
    const {status, stderr} = run(name, ['-n', '-c', SCRIPTS[name]])

    expect([status, stderr]).toEqual([0, ''])
  })
}

const fish = spawnSync('fish', ['-c', 'true']).error === undefined
test.skipIf(!fish)('fish offers the same, each with what it is', () => {
  const offered = (line: string) =>
    run('fish', ['-c', `raftctl completion fish | source; complete -C '${line}'`]).stdout.split(
      '\n',
    )

  expect(offered('raftctl member pro')).toEqual(['promote\tMake a learner a voter.', ''])
  expect(offered('raftctl completion ')).toEqual(['bash', 'fish', 'zsh', ''])
})
