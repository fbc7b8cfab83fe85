// `init` at a terminal: what a person who never saw it is asked, told, and left with.
import {afterAll, beforeAll, expect, test} from 'vitest'
import {openShell, type Shell} from '../support/shell.js'
import {KEYS, withTerminal} from '../support/terminal.js'

let shell: Shell

beforeAll(async () => {
  shell = await openShell()
})

afterAll(async () => {
  await shell.end()
})

test('with nothing but Enter a person has a cluster, and knows what happened', async () => {
  await withTerminal(shell, ['init'], {columns: 80}, async terminal => {
    expect(await terminal.until('Name of the cluster')).toContain('majority has stored')
    terminal.type(KEYS.enter)
    await terminal.until('survives the loss of 1, what most clusters have')
    terminal.type(KEYS.enter)
    const plan = await terminal.until('Go ahead?')
    terminal.type(KEYS.enter)
    const {status, screen} = await terminal.ended()

    expect(plan).toContain('start    3 nodes in the background')
    expect(plan).toContain('undo     raftctl cluster destroy default')
    expect(status).toBe(0)
    expect(screen).toMatch(/cluster default {2}id \w{8} {2}3 voters {2}leader \d {2}failure tol/)
    expect(screen).toContain('next     raftctl kv put hello world')
    expect(shell.nodePids()).toHaveLength(3)
  })
})

test('a name that is taken is not offered, and not accepted', async () => {
  await withTerminal(shell, ['init'], {columns: 200}, async terminal => {
    await terminal.until('(default-2)')
    terminal.type(`default${KEYS.enter}`)
    await terminal.until('a cluster or a context "default" already')
    terminal.type(`${KEYS.ctrlU}other${KEYS.enter}`)
    await terminal.until('How many nodes?')
    terminal.type(KEYS.down.repeat(3) + KEYS.enter)
    await terminal.until('How many (1 to 9')
    terminal.type(`4${KEYS.enter}`)
    const plan = await terminal.until('Go ahead?')
    terminal.type(`n${KEYS.enter}`)
    const {status, screen} = await terminal.ended()

    expect(plan).toContain('start    4 nodes')
    expect(status).toBe(130)
    expect(screen).toContain('nothing was changed')
  })
})

test('Ctrl-C at any question changes nothing and ends with 130', async () => {
  await withTerminal(shell, ['init'], {}, async terminal => {
    await terminal.until('Name of the cluster')
    terminal.type(KEYS.enter)
    await terminal.until('How many nodes?')
    terminal.type(KEYS.ctrlC)
    const {status, screen} = await terminal.ended()

    expect([status, terminal.cursorHidden()]).toEqual([130, false])
    expect(screen).toMatch(/error: interrupted$/m)
    expect(screen).not.toMatch(/^\s+at /m)
  })
})

const looks = [
  {env: {}, coloured: true},
  {env: {NO_COLOR: '1'}, coloured: false},
  {env: {TERM: 'dumb'}, coloured: false},
]

for (const columns of [80, 200]) {
  for (const {env, coloured} of looks) {
    test(`it asks at ${columns} columns with ${JSON.stringify(env)}`, async () => {
      await withTerminal(shell, ['init'], {columns, env}, async terminal => {
        await terminal.until('Name of the cluster')
        terminal.type(`lab${KEYS.enter}`)
        await terminal.until('another number')
        const colours = terminal.coloured()
        terminal.type(KEYS.enter)
        const screen = await terminal.until('Go ahead?')
        terminal.type(`n${KEYS.enter}`)

        expect((await terminal.ended()).status).toBe(130)
        expect(colours).toBe(coloured)
        expect(screen).toContain('context  lab')
        const controls = terminal.raw().includes('\u001b')
        expect(controls).toBe(!('TERM' in env))
      })
    })
  }
}
