// `top`, as it is seen: at several widths, with and without colour, while nodes die.
import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {afterAll, beforeAll, expect, test} from 'vitest'
import {openShell, program, type Shell} from '../support/shell.js'
import {KEYS, openTerminal, withTerminal} from '../support/terminal.js'

const TITLES = /ID {2}NAME +STATE +.*COMMIT\/S +APPLY\/S +LAG/

let shell: Shell

beforeAll(async () => {
  shell = await openShell()
  const made = await shell.run(['init', '--nodes', '3', '--name', 'tops', '--yes'])
  expect(made.stderr + made.status).toBe('0')
})

afterAll(async () => {
  await shell.end()
})

for (const columns of [80, 200]) {
  for (const env of [{}, {NO_COLOR: '1'}]) {
    test(`it draws ${columns} columns with ${JSON.stringify(env)}, and leaves nothing`, async () => {
      await withTerminal(shell, ['top', '--interval', '50ms'], {columns, env}, async terminal => {
        await terminal.until(TITLES)
        // Rates are there once two samples are.
        const screen = await terminal.until(/leader .+ 0 +0 +0 /)
        const looks = [terminal.alternate(), terminal.cursorHidden(), terminal.coloured()]
        terminal.type('q')
        const {status} = await terminal.ended()

        expect(screen).toMatch(/^failure tolerance 1 {2}healthy\ncluster tops /)
        expect(screen.includes('CONTACT')).toBe(columns === 200)
        expect(looks).toEqual([true, true, !('NO_COLOR' in env)])
        expect(status).toBe(0)
        expect([terminal.alternate(), terminal.cursorHidden()]).toEqual([false, false])
        expect(terminal.screen()).toBe('')
      })
    })
  }
}

test('arrows sort, a resize is followed, Ctrl-C gives the terminal back', async () => {
  await withTerminal(shell, ['top', '--interval', '10s'], {}, async terminal => {
    await terminal.until('now by id')
    terminal.type(KEYS.right)
    await terminal.until('now by commit')
    terminal.type(KEYS.left + KEYS.left)
    await terminal.until('now by sync')
    terminal.resize(200, 30)
    await terminal.until('CONTACT')
    terminal.type(KEYS.ctrlC)

    expect((await terminal.ended()).status).toBe(0)
    expect([terminal.alternate(), terminal.cursorHidden()]).toEqual([false, false])
  })
})

test('SIGTERM gives the terminal back too', async () => {
  await withTerminal(shell, ['top'], {}, async terminal => {
    await terminal.until(TITLES)
    process.kill(terminal.pid, 'SIGTERM')

    expect((await terminal.ended()).status).toBe(0)
    expect([terminal.alternate(), terminal.cursorHidden()]).toEqual([false, false])
  })
})

test('with TERM=dumb it prints plain blocks', async () => {
  const args = ['top', '--count', '2', '--interval', '50ms']
  await withTerminal(shell, args, {env: {TERM: 'dumb'}}, async terminal => {
    const {status, screen} = await terminal.ended()

    expect(status).toBe(0)
    expect(terminal.raw()).not.toContain('\u001b')
    expect(screen.match(/^failure tolerance 1 {2}healthy$/gm)).toHaveLength(2)
  })
})

test('in a pipe it prints blocks, with --json an object a line, until its reader goes', async () => {
  const json = await shell.run(['top', '--count', '2', '--interval', '50ms', '--json'])
  const [first, second] = json.records()

  expect(json.status).toBe(0)
  expect(first).toMatchObject({kind: 'ClusterPicture', healthy: true, commitsPerSecond: 0})
  expect(second!.members).toMatchObject([{commitsPerSecond: 0}, {}, {}])

  const script = `"${process.execPath}" "${program}" top --interval 50ms | head -1; echo \${PIPESTATUS[0]}`
  const env = {PATH: process.env.PATH, HOME: shell.home}
  const piped = spawn('bash', ['-c', script], {env, stdio: ['ignore', 'pipe', 'inherit']})
  let out = ''
  piped.stdout.on('data', chunk => {
    out += chunk
  })
  await once(piped, 'close')
  expect(out).toMatch(/^\d{4}-.+Z\n0\n$/)
})

test('it goes on when the leader dies, and when nobody is left', async () => {
  const leader = (await shell.run(['leader', 'show', '-q'])).stdout.trim()
  const args = ['top', '--interval', '50ms', '--timeout', '300ms']
  await withTerminal(shell, args, {columns: 120}, async terminal => {
    await terminal.until(TITLES)
    await shell.run(['node', 'kill', leader])
    const wounded = await terminal.until(/leader [123] [\s\S]+UNREACHABLE/)
    for (const pid of shell.nodePids()) process.kill(pid, 'SIGKILL')
    const dead = await terminal.until(/leader none(?:[\s\S]+UNREACHABLE){3}/)
    terminal.type('q')

    expect(wounded).toContain('failure tolerance 0 (1 when all are well)  NOT HEALTHY')
    expect(dead).toContain('problem: ')
    expect((await terminal.ended()).status).toBe(0)
  })
  const after = openTerminal(shell, args)
  try {
    const {status, screen} = await after.ended()
    expect(status).toBe(15)
    expect(screen).toMatch(/^error: no node answers/)
    expect(after.raw()).not.toContain('\u001b[?1049h')
  } finally {
    await after.end()
  }
})
