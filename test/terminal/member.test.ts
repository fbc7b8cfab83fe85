// Changing the membership at a terminal: the wizard, the bar, and what Ctrl-C leaves behind.
import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {readFile, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {afterAll, beforeAll, expect, test} from 'vitest'
import {freePort} from '../../src/cluster/ports.js'
import {openShell, program, type Shell} from '../support/shell.js'
import {KEYS, withTerminal} from '../support/terminal.js'

const LOOKS = [{}, {NO_COLOR: '1'}, {TERM: 'dumb'}]
const BAR = /member \d {2}[█░]+ +\d+ % {2}match \d+ {2}gap 30\d$/m

let shell: Shell

beforeAll(async () => {
  shell = await openShell()
  const made = await shell.run(['init', '--nodes', '1', '--name', 'm', '--yes'])
  expect(made.stderr + made.status).toBe('0')
})

afterAll(async () => {
  await shell.end()
})

for (const columns of [80, 200]) {
  for (const env of LOOKS) {
    test(`"member add" explains and asks at ${columns} columns with ${JSON.stringify(env)}`, async () => {
      await withTerminal(shell, ['member', 'add'], {columns, rows: 40, env}, async terminal => {
        const told = await terminal.until('one that runs already')
        const colours = terminal.coloured()
        terminal.type(KEYS.enter)
        await terminal.until('an observer: ')
        terminal.type(KEYS.enter)
        const plan = await terminal.until('Go ahead?')
        terminal.type(`n${KEYS.enter}`)

        expect(told).toContain('There is 1 voter now: none may fail. With 2 it is none; only 3')
        expect(plan).toContain('voters 1 -> 1,2')
        expect((await terminal.ended()).status).toBe(130)
        expect(colours).toBe(Object.keys(env).length === 0)
        expect(terminal.raw().includes('\u001b')).toBe(!('TERM' in env))
      })
    })
  }
}

test('with nothing but Enter there is one voter more', async () => {
  await withTerminal(shell, ['member', 'add'], {rows: 40}, async terminal => {
    await terminal.until('Which node?')
    terminal.type(KEYS.enter)
    await terminal.until('What is it to be?')
    terminal.type(KEYS.enter)
    await terminal.until('Go ahead?')
    terminal.type(KEYS.enter)
    const {status, screen} = await terminal.ended()

    expect(status).toBe(0)
    expect(screen).toContain('member 2 (node-2) is a voter now')
  })
})

test('who is not named is chosen from a list', async () => {
  await withTerminal(shell, ['member', 'update'], {}, async terminal => {
    await terminal.until(/1 {2}node-1 {2}voter +127\.0\.0\.1:\d+ {2}leads/)
    terminal.type(KEYS.down + KEYS.enter)
    await terminal.until('Name')
    terminal.type(`second${KEYS.enter}`)
    await terminal.until('Address')
    terminal.type(KEYS.enter)
    const {status, screen} = await terminal.ended()

    expect(status).toBe(0)
    expect(screen).toMatch(/member \d \(second\) updated/)
  })
  await withTerminal(shell, ['member', 'promote'], {}, async terminal => {
    const {status, screen} = await terminal.ended()
    expect(status).toBe(17)
    expect(screen).toContain('no member comes into question')
  })
  const piped = await shell.run(['member', 'remove', '--json'])
  expect([piped.status, piped.failure().message]).toEqual([2, 'which member?'])
})

test('a learner that lags is shown as a bar, and as lines with --verbose', async () => {
  const added = (await shell.run(['member', 'add', '--learner', '--json'])).json()
  const id = String(added.memberId)
  const promote = ['member', 'promote', id, '--wait']
  await shell.run(['node', 'kill', id])
  const pairs = Array.from({length: 300}, (_, i) => `k${i} v\n`).join('')
  await shell.run(['kv', 'put', '--stdin', '-q'], {input: pairs})

  await withTerminal(shell, promote, {columns: 80}, async terminal => {
    await terminal.until(BAR)
    terminal.type(KEYS.ctrlC)

    expect(terminal.coloured()).toBe(true)
    expect((await terminal.ended()).status).toBe(130)
    expect(terminal.cursorHidden()).toBe(false)
  })
  const verbose = [...promote, '--verbose', '--timeout', '1s']
  await withTerminal(shell, verbose, {env: {TERM: 'dumb'}}, async terminal => {
    const {status, screen} = await terminal.ended()

    expect(status).toBe(18)
    expect(screen).toMatch(/^member \d catches up: at \d+, 30\d behind$/m)
    expect(screen).toContain('it stays a learner')
    expect(screen).toMatch(/raftctl member promote \d --wait/)
    expect(terminal.raw()).not.toContain('\u001b')
  })
  const env = {NO_COLOR: '1'}
  await withTerminal(shell, promote, {columns: 200, env}, async terminal => {
    await terminal.until(BAR)
    expect(terminal.coloured()).toBe(false)
    await shell.run(['node', 'start', id])
    const {status, screen} = await terminal.ended()

    expect(status).toBe(0)
    expect(screen).toContain('is a voter now')
    expect(screen).not.toMatch(/[█░]/)
  })
})

test('Ctrl-C asks whether the new learner is to go again, and removes it', async () => {
  const before = await ids()
  await withDeafNode('taken-back', async address => {
    await withTerminal(shell, ['member', 'add', address], {rows: 40}, async terminal => {
      await terminal.until(/member \d+ joined/)
      terminal.type(KEYS.ctrlC)
      await terminal.until(/Member \d+ is a learner by now\. Remove it again\?/)
      terminal.type(KEYS.enter)
      const {status, screen} = await terminal.ended()

      expect(status).toBe(130)
      expect(screen).toMatch(/error: interrupted; member \d+ is removed again/)
      expect(await ids()).toEqual(before)
    })
  })
})

test('a learner that is left says how to go on, to a person and after a time-out', async () => {
  await withDeafNode('left', async address => {
    await withTerminal(shell, ['member', 'add', address], {rows: 40}, async terminal => {
      await terminal.until(/member \d+ joined/)
      terminal.type(KEYS.ctrlC)
      await terminal.until('Remove it again?')
      terminal.type(KEYS.ctrlC)
      const {status, screen} = await terminal.ended()

      expect(status).toBe(130)
      expect(screen).toMatch(/error: interrupted; member \d+ stays a learner/)
      expect(screen).toMatch(/hint: Run "raftctl member promote \d+ --wait" to go on/)
    })
    const late = await shell.run(['member', 'add', address, '--timeout', '1s', '--json'])
    expect(late.failure()).toMatchObject({code: 'RAFTCTL_TIMED_OUT', exit: 18})
    expect(late.failure().hint).toMatch(/raftctl member promote \d+ --wait/)
    await shell.run(['member', 'remove', String((await ids()).at(-1)), '--yes'])
  })
})

test('a script that is interrupted is told the same, and asked nothing', async () => {
  const before = await ids()
  await withDeafNode('script', async address => {
    let pid = 0
    const run = shell.run(['member', 'add', address, '--json'], {
      onSpawn: spawned => {
        pid = spawned
      },
    })
    await eventually(async () => (await ids()).length > before.length)
    process.kill(pid, 'SIGINT')

    const outcome = await run
    expect([outcome.status, outcome.stdout]).toEqual([130, ''])
    expect(outcome.failure()).toMatchObject({
      code: 'RAFTCTL_INTERRUPTED',
      message: expect.stringMatching(/^interrupted; member \d+ stays a learner$/),
      outcome: 'unknown',
    })
    await shell.run(['member', 'remove', String((await ids()).at(-1)), '--yes'])
  })
})

test('--no-wait tells the leader to promote a learner that is there already', async () => {
  const added = (await shell.run(['member', 'add', '--learner', '--json'])).json()
  const {address} = added as {address: string}

  const intended = await shell.run(['member', 'add', address, '--no-wait', '--json'])

  expect(intended.json()).toMatchObject({changed: true, memberId: added.memberId})
  await eventually(async () => {
    const {items} = (await shell.run(['member', 'list', '--json'])).json() as {
      items: {id: number; role: string}[]
    }
    return items.some(({id, role}) => id === added.memberId && role === 'voter')
  })
  const again = await shell.run(['member', 'add', address, '--no-wait', '--json'])
  expect(again.json()).toMatchObject({changed: false})
})

/** A pristine node that commands reach and the other members do not: their token is another. */
async function withDeafNode(name: string, use: (address: string) => Promise<void>): Promise<void> {
  const cluster = join(shell.home, '.local/share/raftctl/clusters/m')
  const [admin] = (await readFile(join(cluster, 'tokens'), 'utf8')).split('\n')
  const tokens = join(shell.home, `${name}.tokens`)
  const peerToken = join(shell.home, `${name}.peer-token`)
  await writeFile(tokens, `${admin}\n`, {mode: 0o600})
  await writeFile(peerToken, 'a token that no other member knows\n'.replaceAll(' ', '-'), {
    mode: 0o600,
  })
  const address = `127.0.0.1:${await freePort()}`
  const node = spawn(
    process.execPath,
    [
      ...[program, 'node', 'run', '--listen', address, '--name', name],
      ...['--data-dir', join(shell.home, name)],
      ...['--token-file', tokens, '--peer-token-file', peerToken],
    ],
    {env: {PATH: process.env.PATH, HOME: shell.home}, stdio: ['ignore', 'pipe', 'ignore']},
  )
  try {
    await Promise.race([once(node.stdout, 'data'), once(node, 'exit')])
    await use(address)
  } finally {
    node.kill('SIGKILL')
  }
}

async function ids(): Promise<number[]> {
  return (await shell.run(['member', 'list', '-q'])).stdout.trim().split('\n').map(Number)
}

async function eventually(look: () => Promise<boolean>, withinMs = 15_000): Promise<void> {
  const deadline = performance.now() + withinMs
  while (!(await look())) {
    if (performance.now() > deadline) throw new Error('it never came true')
  }
}
