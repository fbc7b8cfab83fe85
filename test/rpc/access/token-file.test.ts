import {expect, test} from 'vitest'
import {callerOf, parseTokens} from '../../../src/rpc/access/token-file.js'
import {hashOf} from './support.js'

test('a file of tokens has comments, blank lines, and a line a token', () => {
  const text = `# who\n\nadmin alice ${hashOf('a')}\r\n  read  ci.bot\t${hashOf('b').toUpperCase()}  \n`

  const tokens = parseTokens(text, 'f')

  expect(callerOf('a', tokens)).toEqual({name: 'alice', roles: ['admin']})
  expect(callerOf('b', tokens)).toEqual({name: 'ci.bot', roles: ['read']})
  expect(callerOf('c', tokens)).toBeUndefined()
  expect(callerOf(hashOf('a'), tokens)).toBeUndefined()
  expect(callerOf('a'.repeat(5000), tokens)).toBeUndefined()
})

const secret = 'hunter2-in-clear-text'
const cases = [
  {line: `root alice ${hashOf('a')}`, says: 'begins with admin'},
  {line: `admin 12 ${hashOf('a')}`, says: 'no name'},
  {line: `admin alice ${secret}`, says: 'SHA-256'},
  {line: `admin alice ${hashOf('a')} more`, says: 'SHA-256'},
  {line: `admin alice`, says: 'SHA-256'},
  {line: `monitor again ${hashOf('ok')}`, says: 'twice'},
]
for (const {line, says} of cases) {
  test(`a malformed line is refused by its number, never by what it holds: ${says}`, () => {
    const text = `admin ok ${hashOf('ok')}\n# next\n${line}\n`

    let failure: unknown
    try {
      parseTokens(text, '/etc/tokens')
    } catch (error) {
      failure = error
    }

    expect(failure).toMatchObject({code: 'RAFTCTL_USAGE', details: {line: 3}})
    expect(String(failure)).toContain('/etc/tokens, line 3')
    expect(String(failure)).toContain(says)
    expect(JSON.stringify(failure) + String(failure)).not.toContain(secret)
  })
}
