// Trust with real processes: tokens of a local cluster, TLS between nodes, and every way to be
// refused, each with exit status 16 and a sentence that says which.
import {readdirSync, readFileSync} from 'node:fs'
import {chmod, readFile, stat, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {ClusterClient} from '../../src/client/cluster-client.js'
import {freePort} from '../../src/cluster/ports.js'
import {type CertificateWish, makeNodeCertificate} from '../../src/operator/certificates.js'
import {type Outcome, openShell, type Shell} from '../support/shell.js'

let shell: Shell
beforeAll(async () => {
  shell = await openShell()
})
afterAll(() => shell.end())

describe('a local cluster', () => {
  const directory = () => join(shell.home, '.local/share/raftctl/clusters/safe')
  let token = ''

  beforeAll(async () => {
    const made = await shell.run(['init', '--nodes', '3', '--name', 'safe', '--yes'])
    expect(made.status).toBe(0)
    token = (await readFile(join(directory(), 'token'), 'utf8')).trim()
  }, 60_000)

  test('has tokens that only its owner can read', async () => {
    for (const name of ['token', 'peer-token', 'tokens']) {
      expect((await stat(join(directory(), name))).mode & 0o777).toBe(0o600)
    }
    expect(token.length).toBeGreaterThan(40)
    expect(await readFile(join(directory(), 'tokens'), 'utf8')).not.toContain(token)
  })

  test('is operated through its context', async () => {
    expect((await shell.run(['kv', 'put', 'a', 'b'])).status).toBe(0)
    expect((await shell.run(['kv', 'get', 'a'])).stdout).toBe('b')
  })

  test('refuses who has no token, or a wrong one, and takes the right one from flag and environment', async () => {
    const endpoint = await addressOf(1)
    const wrong = join(shell.home, 'wrong')
    await writeFile(wrong, 'never-heard-of\n')
    const right = join(directory(), 'token')
    const ask = (args: string[], env = {}) =>
      shell.run(['status', '--endpoint', endpoint, '--json', ...args], {env})

    const none = await ask([])
    const other = await ask(['--token-file', wrong])

    expect(none.failure()).toMatchObject({code: 'RAFTCTL_NOT_AUTHENTICATED', exit: 16})
    expect(none.failure().message).toContain('no token')
    expect(other.failure()).toMatchObject({code: 'RAFTCTL_NOT_AUTHENTICATED', exit: 16})
    expect(other.failure().message).toContain('does not know the token')
    expect(other.stderr).not.toContain('never-heard-of')
    expect((await ask(['--token-file', right])).status).toBe(0)
    expect((await ask([], {RAFTCTL_TOKEN_FILE: right})).status).toBe(0)
  })

  test('says where nothing answers with another status', async () => {
    const nobody = await shell.run(['status', '--endpoint', '127.0.0.1:1', '--timeout', '500ms'])

    expect(nobody.status).toBe(15)
  })

  test('names the role that is needed and the one that is held', async () => {
    const monitor = join(shell.home, 'monitor')
    await writeFile(monitor, 'only-looking\n')
    const tokens = join(directory(), 'tokens')
    const before = await readFile(tokens, 'utf8')
    const {createHash} = await import('node:crypto')
    const hash = createHash('sha256').update('only-looking').digest('hex')
    await writeFile(tokens, `${before}monitor eye ${hash}\n`)
    const withToken = (...args: string[]) => shell.run([...args, '--token-file', monitor, '--json'])
    await eventually(async () => (await withToken('status')).status === 0)

    const put = await withToken('kv', 'put', 'a', 'c')
    const removal = await withToken('member', 'remove', '3', '--yes')

    for (const refused of [put, removal]) {
      expect(refused.failure()).toMatchObject({code: 'RAFTCTL_NOT_AUTHORISED', exit: 16})
      expect(refused.failure().message).toContain('"eye" holds monitor')
    }
    expect((await shell.run(['kv', 'get', 'a'])).stdout).toBe('b')
  })

  test('shows its tokens in no log, no command line and no environment', async () => {
    const secrets = [token, (await readFile(join(directory(), 'peer-token'), 'utf8')).trim()]
    const pids = shell.nodePids()
    const seen = [
      ...readdirSync(join(directory(), 'logs')).map(name => join(directory(), 'logs', name)),
      ...pids.flatMap(pid => [`/proc/${pid}/cmdline`, `/proc/${pid}/environ`]),
      join(shell.home, '.config/raftctl/contexts.json'),
      join(directory(), 'cluster.json'),
    ].map(path => readFileSync(path, 'utf8'))

    expect(pids.length).toBe(3)
    for (const secret of secrets) expect(seen.filter(text => text.includes(secret))).toEqual([])
  })

  test('goes with all its files', async () => {
    await shell.run(['cluster', 'destroy', 'safe', '--yes'])

    expect(readdirSync(join(shell.home, '.local/share/raftctl/clusters'))).toEqual([])
  })

  async function addressOf(id: number): Promise<string> {
    const {items} = (await shell.run(['member', 'list', '--json'])).json() as {
      items: {id: number; address: string}[]
    }
    return items.find(item => item.id === id)!.address
  }
})

test('a node without tokens and TLS starts only when told so', async () => {
  const refused = await shell.run(['node', 'run', '--listen', '127.0.0.1:0', '--data-dir', 'x'])

  expect(refused.status).toBe(2)
  expect(refused.stderr).toContain('every user of this machine')
})

describe('nodes with TLS', () => {
  const ports: number[] = []
  const running: Promise<Outcome>[] = []
  const pids: number[] = []
  let certs = ''
  const wish = (days: number): CertificateWish => ({directory: certs, days, overwrite: true})
  const client = (name: string) => ({
    ca: join(certs, 'ca.crt'),
    cert: join(certs, `client-${name}.crt`),
    key: join(certs, `client-${name}.key`),
  })
  const flagsOf = ({ca, cert, key}: {ca: string; cert?: string; key?: string}) => [
    ...['--tls-ca', ca],
    ...(cert === undefined ? [] : ['--tls-cert', cert]),
    ...(key === undefined ? [] : ['--tls-key', key]),
  ]
  const endpoint = (i = 0) => `127.0.0.1:${ports[i]}`
  const ask = (flags: string[], at = endpoint()) =>
    shell.run(['status', '--endpoint', at, '--json', ...flags])
  const made = async (...args: string[]) =>
    expect(await shell.run(['cert', ...args])).toMatchObject({status: 0, stderr: ''})

  beforeAll(async () => {
    certs = join(shell.home, '.config/raftctl/certs')
    await made('ca')
    await made('node', '127.0.0.1', 'localhost')
    await made('client', 'alice', '--role', 'admin')
    await made('client', 'eve', '--role', 'monitor')
    await made('ca', '--dir', join(shell.home, 'other'))
    await made('client', 'mallory', '--role', 'admin', '--dir', join(shell.home, 'other'))
    for (let i = 0; i < 3; i++) ports.push(await freePort(new Set(ports)))
    for (let i = 0; i < 3; i++) startNode(i)
    const security = {tls: client('alice')}
    const cluster = new ClusterClient({endpoints: [endpoint()], timeoutMs: 20_000, security})
    try {
      for (const i of [0, 1, 2]) {
        await eventually(() =>
          cluster.nodeStatus(endpoint(i), 1000).then(
            () => true,
            () => false,
          ),
        )
      }
    } finally {
      await cluster.close()
    }
    const refused = await initialise(flagsOf({ca: join(certs, 'ca.crt')}))
    expect(refused.failure()).toMatchObject({exit: 16, outcome: 'none'})
    const initialised = await initialise(flagsOf(client('alice')))
    expect(initialised.json()).toMatchObject({kind: 'ClusterInitialised', changed: true, voters: 3})
  }, 90_000)

  afterAll(async () => {
    for (const pid of pids) process.kill(pid, 'SIGTERM')
    const ended = await Promise.all(running)
    expect(ended.map(({status}) => status)).toEqual([0, 0, 0])
    for (const {stderr, stdout} of ended) {
      expect(stderr + stdout).not.toContain('PRIVATE KEY')
    }
  }, 60_000)

  function startNode(i: number): void {
    const cert = join(certs, 'node-127.0.0.1.crt')
    const key = join(certs, 'node-127.0.0.1.key')
    running.push(
      shell.run(
        [
          ...['node', 'run', '--listen', endpoint(i), '--data-dir', join(shell.home, `tls-${i}`)],
          ...flagsOf({ca: join(certs, 'ca.crt'), cert, key}),
        ],
        {timeoutMs: 120_000, onSpawn: pid => pids.push(pid)},
      ),
    )
  }

  function initialise(flags: string[]): Promise<Outcome> {
    const endpoints = [0, 1, 2].flatMap(i => ['--endpoint', endpoint(i)])
    return shell.run(['init', ...endpoints, '--name', 'prod', '--yes', '--json', ...flags])
  }

  test('are initialised once, and have a context that carries the files', async () => {
    const again = await initialise(flagsOf(client('alice')))
    const other = await shell.run([
      ...['init', '--endpoint', endpoint(), '--name', 'other', '--yes', '--json'],
      ...flagsOf(client('alice')),
    ])

    expect(again.json()).toMatchObject({changed: false, voters: 3})
    expect((await shell.run(['status', '--context', 'prod'])).status).toBe(0)
    expect(other.failure()).toMatchObject({code: 'RAFTCTL_NOT_PRISTINE', exit: 12})
  })

  test('are one cluster, written and read by those who may', async () => {
    const alice = flagsOf(client('alice'))

    const put = await shell.run(['kv', 'put', 'k', 'v', '--endpoint', endpoint(1), ...alice])
    const get = await shell.run(['kv', 'get', 'k', '--endpoint', endpoint(2)], {
      env: {
        RAFTCTL_TLS_CA: client('alice').ca,
        RAFTCTL_TLS_CERT: client('alice').cert,
        RAFTCTL_TLS_KEY: client('alice').key,
      },
    })

    expect(put.status).toBe(0)
    expect(get.stdout).toBe('v')
  })

  test('keep keys to their owner, and never write over them unasked', async () => {
    const key = join(certs, 'client-alice.key')
    const before = await readFile(key, 'utf8')
    const again = await shell.run(['cert', 'client', 'alice', '--role', 'read', '--json'])

    expect((await stat(key)).mode & 0o777).toBe(0o600)
    expect((await stat(certs)).mode & 0o777).toBe(0o700)
    expect(again.failure()).toMatchObject({code: 'RAFTCTL_REFUSED', exit: 12})
    expect(await readFile(key, 'utf8')).toBe(before)
  })

  const refusals: {what: string; flags: () => Promise<string[]>; says: string}[] = [
    {
      what: 'no certificate',
      flags: async () => flagsOf({ca: client('alice').ca}),
      says: 'no token and no client certificate',
    },
    {
      what: 'a certificate of another authority',
      flags: async () => {
        const other = join(shell.home, 'other', 'client-mallory')
        return flagsOf({ca: client('alice').ca, cert: `${other}.crt`, key: `${other}.key`})
      },
      says: 'this node does not trust the authority',
    },
    {
      what: 'another authority for the node',
      flags: async () => flagsOf({...client('alice'), ca: join(shell.home, 'other', 'ca.crt')}),
      says: 'this side does not trust the authority',
    },
    {what: 'plain text', flags: async () => [], says: 'speaks TLS only'},
    {
      what: 'an expired certificate',
      flags: async () => {
        const {makeClientCertificate} = await import('../../src/operator/certificates.js')
        await makeClientCertificate('late', 'admin', wish(-0.001))
        return flagsOf(client('late'))
      },
      says: 'the certificate of the client expired at',
    },
  ]
  for (const {what, flags, says} of refusals) {
    test(`refuse ${what} with status 16 and say so`, async () => {
      const refused = await ask(await flags())

      expect(refused.failure()).toMatchObject({exit: 16})
      expect(refused.failure().message).toContain(says)
      expect(refused.failure().hint).toEqual(expect.any(String))
    })
  }

  test('refuse who means another cluster, and say whose they are', async () => {
    const contexts = join(shell.home, '.config/raftctl/contexts.json')
    const before = await readFile(contexts, 'utf8')
    const meant = 'f'.repeat(32)
    await writeFile(
      contexts,
      before.replaceAll(/"clusterId": ?"[0-9a-f]{32}"/g, `"clusterId":"${meant}"`),
    )

    const refused = await shell.run(['status', '--context', 'prod', '--json'])
    await writeFile(contexts, before)

    expect(refused.failure()).toMatchObject({code: 'RAFTCTL_WRONG_CLUSTER', exit: 16})
    expect(refused.failure().message).toMatch(
      new RegExp(`belongs to cluster [0-9a-f]{32}, not to ${meant}`),
    )
    expect((await shell.run(['status', '--context', 'prod'])).status).toBe(0)
  })

  test('name the role that is needed', async () => {
    const put = await shell.run([
      ...['kv', 'put', 'k', 'w', '--endpoint', endpoint(), '--json'],
      ...flagsOf(client('eve')),
    ])

    expect(put.failure()).toMatchObject({code: 'RAFTCTL_NOT_AUTHORISED', exit: 16})
    expect(put.failure().message).toContain('"eve" holds monitor')
  })

  test('show new certificates to new connections, without a restart', async () => {
    await makeNodeCertificate(['127.0.0.1'], wish(-0.001))
    const alice = flagsOf(client('alice'))

    await eventually(async () => (await ask(alice)).status === 16)
    const expired = await ask(alice)
    await makeNodeCertificate(['10.255.0.1'], wish(30))
    const foreign = readFileSync(join(certs, 'node-10.255.0.1.crt'))
    await writeFile(
      join(certs, 'node-127.0.0.1.key'),
      readFileSync(join(certs, 'node-10.255.0.1.key')),
    )
    await writeFile(join(certs, 'node-127.0.0.1.crt'), foreign)
    await eventually(async () => /another host/.test(String((await ask(alice)).failure().message)))
    await makeNodeCertificate(['127.0.0.1'], wish(30))
    await chmod(join(certs, 'node-127.0.0.1.key'), 0o600)

    expect(expired.failure()).toMatchObject({code: 'RAFTCTL_NOT_TRUSTED', exit: 16})
    expect(expired.failure().message).toContain('has expired')
    await eventually(async () => (await ask(alice)).status === 0)
  }, 60_000)
})

async function eventually(what: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000
  while (!(await what())) {
    if (performance.now() > deadline) throw new Error('it never came true')
    await new Promise(resolve => setTimeout(resolve, 100))
  }
}
