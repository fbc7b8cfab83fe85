import {expect, test} from 'vitest'
import type {Manner, Table} from '../../src/cli/output.js'
import {complete, render, toJson} from '../../src/cli/output.js'
import type {Terminal} from '../../src/cli/terminal.js'
import {terminalOf} from '../../src/cli/terminal.js'

const pipe: Terminal = {
  drawsTables: false,
  showsProgress: false,
  movesCursor: false,
  drawsScreens: false,
  asks: false,
  columns: 80,
  colour: false,
}
const screen = (columns: number): Terminal => ({...pipe, drawsTables: true, columns})

const table: Table = {
  columns: [
    {title: 'id', align: 'right'},
    {title: 'name', cut: true},
    {title: 'store', wide: true},
    {title: 'lag', align: 'right'},
  ],
  rows: [
    [1, 'node-1', 'abc', 0],
    [12, 'a-name-that-is-quite-long', 'def', null],
  ],
}
const result = {kind: 'MemberList', items: [{id: 1, lag: undefined, index: 2n ** 60n}]}

test('a result is one object with its version, kind and warnings; unknown is null', async () => {
  const printed = complete(result)

  const text = await render(printed, {table}, manner({format: 'json'}))

  expect(text).toBe(
    '{"apiVersion":"raftctl/v1","kind":"MemberList",' +
      '"items":[{"id":1,"lag":null,"index":"1152921504606846976"}],"warnings":[]}\n',
  )
})

test('JSON is the same at a terminal and in a pipe', async () => {
  const printed = complete(result)

  const piped = await render(printed, {table}, manner({format: 'json'}))
  const drawn = await render(printed, {table}, manner({format: 'json', terminal: screen(20)}))

  expect(drawn).toBe(piped)
})

test('a bigint that a number can hold is a number', () => {
  expect(toJson({index: 7n})).toBe('{"index":7}')
})

test('a piped table is tabs, uncut', async () => {
  const text = await render(complete(result), {table}, manner({}))

  expect(text).toBe('id\tname\tlag\n1\tnode-1\t0\n12\ta-name-that-is-quite-long\t-\n')
})

test('-o wide shows the columns that others hide', async () => {
  const text = await render(complete(result), {table}, manner({format: 'wide'}))

  expect(text.split('\n')[1]).toBe('1\tnode-1\tabc\t0')
})

test('a drawn table is aligned, without trailing blanks', async () => {
  const text = await render(complete(result), {table}, manner({terminal: screen(80)}))

  expect(text).toBe(
    [
      'ID  NAME                       LAG',
      ' 1  node-1                       0',
      '12  a-name-that-is-quite-long    -',
      '',
    ].join('\n'),
  )
})

test('a drawn table is cut to the width of the terminal, in the columns that may be cut', async () => {
  const text = await render(complete(result), {table}, manner({terminal: screen(24)}))

  const lines = text.trimEnd().split('\n')
  expect(Math.max(...lines.map(line => line.length))).toBeLessThanOrEqual(24)
  expect(lines[2]).toMatch(/^12 {2}a-name-.*… +-$/)
})

test('a value can neither move the cursor nor break a row', async () => {
  const hostile: Table = {columns: [{title: 'v'}], rows: [['a\u001b[2Jb\nc\td\u202e\u009b']]}

  const text = await render(complete(result), {table: hostile}, manner({}))

  expect(text).toBe('v\na\\u001b[2Jb\\nc\\td\\u202e\\u009b\n')
})

test('-q prints ids, one a line', async () => {
  const text = await render(complete(result), {table, ids: [1, 12]}, manner({quiet: true}))

  expect(text).toBe('1\n12\n')
})

test('YAML quotes what could be read as something else', async () => {
  const printed = complete({
    kind: 'X',
    yes: 'no',
    port: '7400',
    text: 'a: b',
    list: [
      {id: 1, tags: []},
      {id: 2, tags: ['x']},
    ],
    none: null,
  })

  const text = await render(printed, {}, manner({format: 'yaml'}))

  expect(text).toBe(
    [
      'apiVersion: raftctl/v1',
      'kind: X',
      '"yes": "no"',
      'port: "7400"',
      'text: "a: b"',
      'list:',
      '  - id: 1',
      '    tags: []',
      '  - id: 2',
      '    tags:',
      '      - x',
      'none: null',
      'warnings: []',
      '',
    ].join('\n'),
  )
})

const streams = {stdin: {isTTY: true}, stdout: {isTTY: true, columns: 120}, stderr: {isTTY: true}}

const terminals = [
  {because: 'a terminal is coloured', env: {}, expected: {colour: true, columns: 120, asks: true}},
  {because: 'NO_COLOR turns colour off', env: {NO_COLOR: '1'}, expected: {colour: false}},
  {because: 'an empty NO_COLOR counts as unset', env: {NO_COLOR: ''}, expected: {colour: true}},
  {
    because: 'FORCE_COLOR decides before NO_COLOR',
    env: {NO_COLOR: '1', FORCE_COLOR: '1'},
    expected: {colour: true},
  },
  {because: 'FORCE_COLOR=0 turns colour off', env: {FORCE_COLOR: '0'}, expected: {colour: false}},
  {
    because: 'a dumb terminal has no colour and nothing that moves',
    env: {TERM: 'dumb'},
    expected: {colour: false, showsProgress: false},
  },
  {
    because: 'nobody answers in CI',
    env: {CI: 'true'},
    expected: {asks: false, showsProgress: false},
  },
  {because: 'COLUMNS outranks the measured width', env: {COLUMNS: '60'}, expected: {columns: 60}},
  {because: 'a senseless COLUMNS is ignored', env: {COLUMNS: '-1'}, expected: {columns: 120}},
]

for (const {because, env, expected} of terminals) {
  test(`of terminals: ${because}`, () => {
    expect(terminalOf({env, ...streams})).toMatchObject(expected)
  })
}

test('questions need a terminal at both ends', () => {
  const typed = terminalOf({...streams, env: {}, stdin: {}})
  const shown = terminalOf({...streams, env: {}, stderr: {}})

  expect([typed.asks, shown.asks]).toEqual([false, false])
})

function manner(part: Partial<Manner>): Manner {
  return {format: 'table', quiet: false, terminal: pipe, ...part}
}
