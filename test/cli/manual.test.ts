// The manual is public: what it says of codes, statuses, flags and commands must be what is.
import {readdirSync, readFileSync} from 'node:fs'
import {join} from 'node:path'
import {expect, test} from 'vitest'
import {globalFlags} from '../../src/cli/global-flags.js'
import {ERRORS} from '../../src/errors.js'

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
    const quoted = [...line.matchAll(/"([a-z]+ [a-z]+)"/g)].map(match => match[1] as string)
    return quoted.length > 0 ? quoted : [line.replace(/^\.BR? /, '')]
  })
  expect(named.filter(name => name !== 'destroy').sort()).toEqual(commands.sort())
})
