// The manual is public: what it says of codes, statuses, flags and commands must be what is.
import {readdirSync, readFileSync} from 'node:fs'
import {join, relative} from 'node:path'
import {expect, test} from 'vitest'
import {globalFlags} from '../../src/cli/global-flags.js'
import {type DocumentedCommand, MARKS, topicOf, withCommands} from '../../src/cli/manual.js'
import {ERRORS} from '../../src/errors.js'
import * as limits from '../../src/rpc/limits.js'

const root = join(import.meta.dirname, '..', '..')
const page = (name: string) => readFileSync(join(root, 'man', name), 'utf8').replaceAll('\\-', '-')

test('raftctl-errors.7 lists every code with its exit status, gRPC status and retry', () => {
  const listed = [...page('raftctl-errors.7').matchAll(/^\.B (RAFTCTL_\w+) \\fR(.+)$/gm)]

  const expected = Object.entries(ERRORS).map(
    ([code, {exit, grpc, retry}]) => `${code} ${exit} ${grpc}${retry ? ' retry' : ''}`,
  )
  expect(listed.map(match => `${match[1]} ${match[2]}`)).toEqual(expected)
})

test('raftctl.1 lists every exit status of the table', () => {
  const text = page('raftctl.1')
  const section = text.slice(text.indexOf('.SH EXIT STATUS'), text.indexOf('.SH ENVIRONMENT'))

  for (const {exit} of Object.values(ERRORS)) {
    expect(section).toMatch(new RegExp(`^\\.BR? ${exit}\\b`, 'm'))
  }
})

test('raftctl-network.7 has the limits that are kept', () => {
  const rows = new Map(
    [...page('raftctl-network.7').matchAll(/^([^\t\n]+)\t(.+)$/gm)].map(row => [row[1], row[2]]),
  )
  const mebi = (bytes: number) => `${bytes / 1024 / 1024} MiB`
  const seconds = (ms: number) => `${ms / 1000} s`

  expect(Object.fromEntries(rows)).toEqual({
    'one message': mebi(limits.FRAME_BYTES_MAX),
    'messages in one batch of a peer': `${limits.BATCH_MESSAGES_MAX}`,
    connections: `${limits.CONNECTIONS_MAX}`,
    'connections without an accepted call': `${limits.UNPROVEN_CONNECTIONS_MAX}, the oldest is cut`,
    'time without an accepted call': seconds(limits.UNPROVEN_MS_MAX),
    'refused calls before a connection is cut': `${limits.REFUSED_CALLS_MAX}`,
    'calls at a time on a connection': `${limits.STREAMS_MAX}`,
    'headers of a call': `128 pairs, ${limits.HEADER_BYTES_MAX / 1024} KiB`,
    'time to the first message of a call': seconds(limits.FIRST_MESSAGE_MS_MAX),
    'TLS handshake': seconds(limits.HANDSHAKE_MS_MAX),
    'sign of life': `asked every ${seconds(limits.KEEPALIVE_MS)}, cut after ${seconds(limits.KEEPALIVE_ANSWER_MS)}`,
    token: `${limits.TOKEN_LENGTH_MAX} characters`,
    'metrics port: connections': `${limits.METRICS_CONNECTIONS_MAX}, of which ${limits.METRICS_UNPROVEN_CONNECTIONS_MAX} have shown nothing`,
    'metrics port: time of a request': seconds(limits.METRICS_REQUEST_MS_MAX),
    'file of tokens': `${limits.TOKEN_LINES_MAX} lines, ${mebi(limits.TOKEN_FILE_BYTES_MAX)}`,
  })
})

test('raftctl.1 has every global flag', () => {
  const text = page('raftctl.1')

  for (const name of Object.keys(globalFlags)) expect(text).toContain(`--${name}`)
})

test('raftctl.1 names every command, and none that does not exist', () => {
  const text = page('raftctl.1')
  const section = text.slice(text.indexOf('.SH COMMANDS'), text.indexOf('.SH OPTIONS'))
  const commands = readdirSync(join(root, 'commands'), {recursive: true, encoding: 'utf8'})
    .filter(name => name.endsWith('.ts'))
    .map(name => name.replace(/\.ts$/, '').replaceAll('/', ' '))

  const tags = section
    .match(/^\.BR? .+$/gm)!
    .filter(line => !/^\.B(?:R? )(?:raftctl|--)/.test(line))
  const named = tags.flatMap(line => {
    const quoted = [...line.matchAll(/"([a-z]+ [a-z-]+)"/g)].map(match => match[1] as string)
    return quoted.length > 0 ? quoted : [line.replace(/^\.BR? /, '')]
  })
  expect(named.filter(name => name !== 'destroy').sort()).toEqual(commands.sort())
})

/** As oclif would list it, from the sources themselves: a manifest may be of an older build. */
async function documented(path: string): Promise<DocumentedCommand> {
  const {default: command} = await import(path)
  const {summary, description, examples, args, flags} = command
  const id = relative(join(root, 'commands'), path).replace(/\.ts$/, '').replaceAll('/', ' ')
  return {id, summary, description, examples, args, flags}
}

const pages = readdirSync(join(root, 'man')).filter(name => topicOf(name) !== undefined)

test('every topic and every command of its own has a page, but for the one that is hidden', () => {
  const entries = readdirSync(join(root, 'commands')).map(name => name.replace(/\.ts$/, ''))

  expect(pages.map(topicOf).sort()).toEqual(entries.filter(name => name !== 'simulate').sort())
})

test('every page is installed, and raftctl.1 refers to it', () => {
  const {man} = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {man: string[]}
  const names = readdirSync(join(root, 'man'))
  const seen = page('raftctl.1').slice(page('raftctl.1').indexOf('.SH SEE ALSO'))
  const referred = [...seen.matchAll(/^\.BR (\S+) \((\d)\)/gm)].map(row => `${row[1]}.${row[2]}`)

  expect(man.map(path => path.replace('./man/', '')).sort()).toEqual(names.sort())
  expect(['raftctl.1', ...referred].sort()).toEqual(names)
})

for (const name of pages) {
  test(`${name} has examples and its exit statuses, each of the table`, () => {
    const text = page(name)
    const section = text.slice(text.indexOf('.SH EXIT STATUS'), text.indexOf('.SH SEE ALSO'))
    const statuses = [...section.matchAll(/^\.BR? ([\d ",]+)$/gm)].flatMap(row =>
      row[1]!.match(/\d+/g)!.map(Number),
    )

    expect(text).toMatch(/^\.EX$/m)
    expect(statuses.length).toBeGreaterThan(0)
    const known: readonly number[] = [0, 10, 143, ...Object.values(ERRORS).map(({exit}) => exit)]
    expect(statuses.filter(status => !known.includes(status))).toEqual([])
  })
}

for (const name of pages) {
  test(`${name} says of its commands what they say themselves`, async () => {
    const topic = topicOf(name)!
    const paths = readdirSync(join(root, 'commands'), {recursive: true, encoding: 'utf8'})
      .filter(path => path === `${topic}.ts` || path.startsWith(`${topic}/`))
      .filter(path => path.endsWith('.ts'))
      .map(path => join(root, 'commands', path))
    const commands = await Promise.all(paths.map(documented))

    const text = readFileSync(join(root, 'man', name), 'utf8')

    expect(commands.length).toBeGreaterThan(0)
    expect(text).toContain(MARKS.begin)
    expect(withCommands(text, commands)).toBe(text)
  })
}
