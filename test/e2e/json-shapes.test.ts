// What the built program prints with --json, against docs/raftctl-v1.schema.json: every kind, in a
// cluster that works and in one that misses a member. A field that the schema does not know fails, too.
import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {Ajv2020} from 'ajv/dist/2020.js'
import {afterAll, beforeAll, expect, test} from 'vitest'
import {openShell, type Shell} from '../support/shell.js'

type Schema = Record<string, unknown> & {$defs: Record<string, unknown>}

const root = join(import.meta.dirname, '../..')
const schema = JSON.parse(readFileSync(join(root, 'docs/raftctl-v1.schema.json'), 'utf8')) as Schema
const kinds = (schema as unknown as {properties: {kind: {enum: string[]}}}).properties.kind.enum

/** In this order, as far as they change something. */
const LINES = [
  ...['kv put hello world', 'kv get hello', 'kv put blob binary', 'kv delete blob', 'kv scan'],
  ...['kv cas hello there --expect 4', 'kv watch --after 0 --count 2', 'kv hash', 'version'],
  ...['status', 'doctor --state', 'top --count 2 --interval 50ms', 'member list', 'member show 1'],
  ...['member list --member all', 'member add --learner', 'member promote 4 --wait'],
  ...['member update 4 --name fourth', 'member plan --remove 4', 'member change --demote 4 --yes'],
  ...['member remove 4 --yes', 'member set 1 2 3 --yes', 'member history'],
  ...['leader show', 'leader transfer', 'log dump', 'log show 1', 'log diff 1 2'],
  ...['log dump --data-dir @node --from 1 --to 3', 'log diff 1 dir:@node'],
  ...['log verify --data-dir @node', 'metrics show --member all', 'metrics show --latency'],
  ...['metrics show --prometheus', 'metrics tail --count 2 --interval 50ms', 'snapshot create'],
  ...['snapshot list', 'snapshot save @home/b.snap', 'snapshot show @home/b.snap'],
  ...['snapshot verify @home/b.snap', 'snapshot restore @home/b.snap --local drill'],
  ...['snapshot restore @home/b.snap --data-dir @home/restored', 'cluster list'],
  ...['cluster stop drill', 'cluster destroy drill --yes', 'context add other @remote'],
  ...['context show other', 'context show', 'context list', 'context use e'],
  ...['context remove other --yes', 'bench --duration 50ms --callers 2 --yes', 'cert ca'],
  ...['cert node localhost', 'completion bash', 'simulate --steps 10', 'wait ready'],
  ...['snapshot show @snapshot', 'snapshot create', 'snapshot delete @snapshot --yes'],
]

/** With one of three members down; what they end with is in another test. */
const WITHOUT_ONE = [
  ...['status', 'doctor', 'member list', 'member show 3', 'member list --member all'],
  ...['metrics show --member all', 'metrics show --latency', 'top --count 1', 'version'],
  ...['member plan --remove 2', 'member remove 2', 'kv hash', 'kv get none', 'cluster list'],
  ...['wait applied 99999 --timeout 100ms', 'leader transfer 3 --timeout 1s', 'node start 3'],
]

let shell: Shell
let seen: Set<string>
const validate = new Ajv2020({strict: false, allErrors: true, validateFormats: false}).compile(
  closed(schema),
)

beforeAll(async () => {
  shell = await openShell()
  seen = new Set()
})

afterAll(async () => {
  await shell.end()
})

test('every command prints what the schema says', {timeout: 180_000}, async () => {
  const directory = join(shell.home, '.local/share/raftctl/clusters/e')
  const wrong = [...(await wrongOf('init --nodes 3 --name e --yes'))]
  const {items} = (await shell.run(['member', 'list', '--json'])).json() as {
    items: {address: string}[]
  }
  const values: Record<string, string> = {
    '@node': join(directory, 'nodes/node-1'),
    '@home': shell.home,
    '@remote': `--endpoint ${items[0]!.address} --token-file ${join(directory, 'token')}`,
  }
  const fill = (line: string) =>
    Object.entries(values).reduce((text, [name, value]) => text.replaceAll(name, value), line)

  wrong.push(...(await wrongOf('kv put --stdin', 'a b\nc d\n')))
  for (const line of LINES) {
    if (line.includes('@snapshot')) {
      const ids = (await shell.run(['snapshot', 'list', '-q'])).stdout.split('\n')
      values['@snapshot'] = ids[0]!
    }
    wrong.push(...(await wrongOf(fill(line))))
  }
  wrong.push(...(await wrongOf('node kill 3')))
  for (const line of WITHOUT_ONE) wrong.push(...(await wrongOf(fill(line))))
  wrong.push(...(await wrongOf('node logs 3 --lines 20')), ...(await nodeReady()))

  expect(wrong).toEqual([])
  expect(kinds.filter(kind => !seen.has(kind))).toEqual([])
})

async function wrongOf(line: string, input = ''): Promise<string[]> {
  const {stdout, stderr} = await shell.run([...line.split(' '), '--json'], {input})
  const told = stderr.split('\n').filter(text => text.startsWith('{'))
  return [...stdout.split('\n'), ...told].filter(text => text !== '').flatMap(problemsOf(line))
}

function problemsOf(line: string) {
  return (text: string): string[] => {
    const printed: unknown = JSON.parse(text)
    const {kind} = printed as {kind: string}
    seen.add(kind)
    if (validate(printed)) return []
    return (validate.errors ?? [])
      .filter(({keyword}) => keyword !== 'if')
      .map(
        ({instancePath, message, params}) =>
          `"${line}" ${kind}${instancePath} ${message} ${JSON.stringify(params)}`,
      )
  }
}

/** A node's first line, which comes while it runs. */
async function nodeReady(): Promise<string[]> {
  const args = ['--listen', '127.0.0.1:0', '--data-dir', join(shell.home, 'n'), '--insecure']
  let pid = 0
  const {stdout} = await shell.run(['node', 'run', ...args, '--json'], {
    onSpawn: started => {
      pid = started
    },
    onOutput: () => process.kill(pid, 'SIGTERM'),
  })
  return stdout.trimEnd().split('\n').flatMap(problemsOf('node run'))
}

/** The same schema, which takes no field that it does not name. */
function closed<T>(part: T): T {
  if (Array.isArray(part)) return part.map(closed) as T
  if (typeof part !== 'object' || part === null) return part
  const copy = Object.fromEntries(Object.entries(part).map(([key, value]) => [key, closed(value)]))
  const names = 'required' in copy && 'properties' in copy && !('$defs' in copy)
  if (names && !('additionalProperties' in copy)) copy.additionalProperties = false
  return copy as T
}
