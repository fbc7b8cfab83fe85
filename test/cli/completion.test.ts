import {expect, test} from 'vitest'
import {completionsAt, linesOf, type Vocabulary} from '../../src/cli/completion/words.js'

const global = {
  context: {type: 'option', helpValue: 'NAME', summary: 'Which cluster.'},
  endpoint: {type: 'option', helpValue: 'HOST:PORT', multiple: true},
  output: {type: 'option', char: 'o', options: ['json', 'table']},
  yes: {type: 'boolean', char: 'y'},
}
const vocabulary: Vocabulary = {
  topics: {member: {description: 'The members.'}},
  commands: {
    status: {summary: 'Look.', flags: global},
    simulate: {summary: 'Hidden.', hidden: true, flags: global},
    'member:add': {summary: 'Add.', args: {address: {}}, flags: global},
    'member:set': {summary: 'Set.', strict: false, args: {members: {}}, flags: global},
    'member:update': {
      summary: 'Update.',
      args: {member: {}},
      flags: {...global, secret: {type: 'boolean', hidden: true}},
    },
    'leader:transfer': {
      args: {member: {}},
      flags: {...global, 'away-from': {type: 'option', helpValue: 'MEMBER'}},
    },
    'cluster:stop': {args: {name: {}}, flags: {...global, name: {type: 'option'}}},
    'context:use': {args: {name: {}}, flags: global},
    'snapshot:verify': {args: {file: {}}, flags: global},
    completion: {args: {shell: {options: ['bash', 'fish']}}, flags: global},
  },
}

/** The words, or what names are wanted. */
function at(line: string): string[] | string {
  const completion = completionsAt(line.split(' '), vocabulary)
  return completion.kind === 'names' ? completion.of : completion.words.map(({word}) => word)
}

const topics = [
  'status',
  'member',
  'leader',
  'cluster',
  'context',
  'snapshot',
  'completion',
  'help',
]

const cases: readonly (readonly [string, string[] | string])[] = [
  ['', topics],
  ['--yes ', topics],
  ['-o json st', ['status']],
  ['sim', []],
  ['help member u', ['update']],
  ['member ', ['add', 'set', 'update']],
  ['member u', ['update']],
  ['--context m member u', ['update']],
  ['member update ', 'members'],
  ['member update 3 ', []],
  ['member set 3 ', 'members'],
  ['member add ', []],
  ['leader transfer --away-from ', 'members'],
  ['leader transfer --away-from=', 'members'],
  ['leader transfer --away-from = ', 'members'],
  ['leader transfer --away-from 2 ', 'members'],
  ['cluster stop ', 'clusters'],
  ['cluster stop --name ', 'clusters'],
  ['context use ', 'contexts'],
  ['status --context ', 'contexts'],
  ['status --output ', ['json', 'table']],
  ['status -o ', ['json', 'table']],
  ['status --endpoint ', []],
  ['status --ou', ['--output']],
  ['status -- ', []],
  ['snapshot verify ', 'files'],
  ['completion ', ['bash', 'fish']],
  ['completion f', ['fish']],
  ['member update --s', []],
  ['nothing like it ', []],
]

for (const [line, expected] of cases) {
  test(`after "raftctl ${line}" come ${JSON.stringify(expected)}`, () => {
    expect(at(line)).toEqual(expected)
  })
}

test('words come with what they mean, names with the flags that say of which cluster', () => {
  const words = completionsAt(['m'], vocabulary)
  const line = ['--context', 'x', '--endpoint', 'a:1', '--endpoint=b:2', 'member', 'update', '']
  const names = completionsAt(line, vocabulary)

  expect(words).toEqual({kind: 'words', words: [{word: 'member', about: 'The members.'}]})
  expect(names).toEqual({
    kind: 'names',
    of: 'members',
    flags: {context: 'x', endpoints: ['a:1', 'b:2'], cluster: undefined},
  })
})

test('a member whose name breaks the line offers no word of its own', () => {
  const lines = linesOf([{word: '3', about: 'n3\n$(reboot)\t\u001b[2J voter'}])

  expect(lines).toBe('3\tn3\\n$(reboot)\\t\\u001b[2J voter\n')
})
