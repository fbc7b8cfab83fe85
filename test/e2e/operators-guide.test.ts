// What the operator's guide ships: the scripts run against a real cluster, the unit as systemd reads
// it, and every command that the guide and the README name exists with its flags.
import {spawnSync} from 'node:child_process'
import {readdirSync, readFileSync} from 'node:fs'
import {chmod, mkdir, readFile, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {ERRORS} from '../../src/errors.js'
import {openShell, program, type Shell} from '../support/shell.js'

const root = join(import.meta.dirname, '../..')
const docs = join(root, 'docs')

let shell: Shell

beforeAll(async () => {
  shell = await openShell()
  await mkdir(join(shell.home, 'bin'))
  await executable('bin/raftctl', `exec "${process.execPath}" "${program}" "$@"`)
})

afterAll(async () => {
  await shell.end()
})

describe('the scripts', () => {
  beforeAll(async () => {
    const made = await shell.run(['init', '--nodes', '3', '--name', 'guide', '--yes'])
    expect([made.status, made.stderr]).toEqual([0, ''])
    await shell.run(['kv', 'put', 'hello', 'world'])
    await executable(
      'upgrade-one',
      `echo "$@" >> "${shell.home}/upgraded"\nraftctl node stop "$1" && raftctl node start "$1"`,
    )
  }, 60_000)

  test('rolling-upgrade.sh restarts every member once, the leader last, and loses nothing', {
    timeout: 120_000,
  }, async () => {
    const before = new Set(shell.nodePids())
    const leader = (await shell.run(['leader', 'show', '-q'])).stdout.trim()

    const {status, stderr} = script('rolling-upgrade.sh', [join(shell.home, 'upgrade-one')])

    expect([status, stderr.replace(/^.*warning.*\n/gm, '')]).toEqual([0, ''])
    const lines = (await readFile(join(shell.home, 'upgraded'), 'utf8')).trimEnd().split('\n')
    expect(lines.map(line => line.split(' ')[0]).sort()).toEqual(['1', '2', '3'])
    expect(lines.at(-1)).toMatch(new RegExp(`^${leader} 127\\.0\\.0\\.1:\\d+$`))
    expect(shell.nodePids().filter(pid => before.has(pid))).toEqual([])
    expect((await shell.run(['kv', 'get', 'hello'])).stdout).toBe('world')
  })

  test('nightly-backup.sh leaves a file that was tried out, and no drill', {
    timeout: 60_000,
  }, async () => {
    const directory = join(shell.home, 'backups')
    await mkdir(directory)

    const {status} = script('nightly-backup.sh', [directory])

    const files = readdirSync(directory)
    expect([status, files.length]).toEqual([0, 1])
    const verified = await shell.run(['snapshot', 'verify', join(directory, files[0]!), '--json'])
    expect(verified.json()).toMatchObject({kind: 'SnapshotVerification', keys: 1})
    const contexts = (await shell.run(['context', 'list', '--json'])).json()
    expect(contexts.items).toMatchObject([{name: 'guide', current: true}])
    expect(shell.nodePids()).toHaveLength(3)
  })

  test('rolling-upgrade.sh touches nothing while a member is down', {timeout: 60_000}, async () => {
    await writeFile(join(shell.home, 'upgraded'), '')
    const leader = (await shell.run(['leader', 'show', '-q'])).stdout.trim()
    await shell.run(['node', 'kill', `node-${leader === '1' ? 2 : 1}`])
    const before = shell.nodePids()

    // The dead member may be restarted, as nothing is lost by that: here the command starts nobody.
    const {status} = script('rolling-upgrade.sh', ['true'], {WAIT: '1s'})

    expect(status).toBe(18)
    expect(shell.nodePids()).toEqual(before)
  })
})

describe('the unit', () => {
  const unit = readFileSync(join(docs, 'raftctl.service'), 'utf8')

  test('does not restart what a restart can not mend', () => {
    const listed = /^RestartPreventExitStatus=(.+)$/m.exec(unit)![1]!.split(' ').map(Number)

    const hopeless = ['RAFTCTL_USAGE', 'RAFTCTL_REFUSED', 'RAFTCTL_DATA_DAMAGED'] as const
    expect(listed).toEqual([
      ...hopeless.map(code => ERRORS[code].exit),
      ERRORS.RAFTCTL_NOT_TRUSTED.exit,
    ])
  })

  const there = spawnSync('systemd-analyze', ['--version']).error === undefined
  test.skipIf(!there)('is one that systemd takes', async () => {
    const path = join(shell.home, 'raftctl.service')
    await writeFile(path, unit.replace('/usr/local/bin/raftctl', join(shell.home, 'bin/raftctl')))

    const {status, stderr} = spawnSync('systemd-analyze', ['verify', '--man=no', path], {
      encoding: 'utf8',
    })

    expect([status, stderr]).toEqual([0, ''])
  })
})

for (const name of ['README.md', 'docs/operators-guide.md']) {
  test(`${name} names commands and flags that exist`, () => {
    const {commands} = JSON.parse(readFileSync(join(root, 'oclif.manifest.json'), 'utf8')) as {
      commands: Record<string, {flags: Record<string, unknown>}>
    }
    const text = readFileSync(join(root, name), 'utf8').replaceAll('\\\n', ' ')
    const blocks = [...text.matchAll(/^```(?:sh|console)\n(.*?)^```/gms)].map(match => match[1]!)
    const lines = blocks
      .flatMap(block => block.split('\n'))
      .flatMap(line => /(?:^|\$ |\| |sudo |&& )raftctl (.+)/.exec(line)?.[1] ?? [])

    const wrong = lines.filter(line => {
      const words = line.split(/\s+(?:#|&&|\|)\s/)[0]!.split(' ')
      const command = commands[`${words[0]}:${words[1]}`] ?? commands[words[0]!]
      const flags = words.flatMap(word => /^--([a-z-]+)/.exec(word)?.[1] ?? [])
      return command === undefined || flags.some(flag => !(flag in command.flags))
    })

    expect(lines.length).toBeGreaterThan(5)
    expect(wrong).toEqual([])
  })
}

async function executable(name: string, body: string): Promise<void> {
  await writeFile(join(shell.home, name), `#!/bin/sh\n${body}\n`)
  await chmod(join(shell.home, name), 0o755)
}

function script(name: string, args: readonly string[], more: Record<string, string> = {}) {
  const env = {PATH: `${shell.home}/bin:${process.env.PATH}`, HOME: shell.home, ...more}
  return spawnSync(join(docs, name), args, {
    env,
    cwd: shell.home,
    encoding: 'utf8',
    timeout: 90_000,
  })
}
