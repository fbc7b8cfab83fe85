import {once} from 'node:events'
import {mkdtemp, rm, writeFile} from 'node:fs/promises'
import {connect} from 'node:net'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import * as grpc from '@grpc/grpc-js'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {isKnownMethod, type Role, refuseUnlessAllowed} from '../../../src/rpc/access/roles.js'
import {HealthClient} from '../../../src/rpc/gen/grpc/health/v1/health.js'
import {KeyValueServiceService} from '../../../src/rpc/gen/raftctl/v1/kv.js'
import {MetricsServiceClient} from '../../../src/rpc/gen/raftctl/v1/metrics.js'
import {PeerServiceClient} from '../../../src/rpc/gen/raftctl/v1/peer.js'
import {fromServiceError, type StatusLike} from '../../../src/rpc/status.js'
import {identityOf, membershipOf, until} from '../support.js'
import {failureWith, type GuardedNode, hashOf, NO_CHANGE, startGuarded} from './support.js'

let dir = ''
let file = ''
const nodes: GuardedNode[] = []
const roles: Role[] = ['admin', 'write', 'read', 'monitor', 'peer']
const lines = (names: readonly string[]) =>
  names.map(name => `${name} the-${name} ${hashOf(`token-${name}`)}\n`).join('')

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'raftctl-gate-'))
  file = join(dir, 'tokens')
  await writeFile(file, lines(roles))
})
afterEach(async () => {
  await Promise.all(nodes.splice(0).map(node => node.stop()))
  await rm(dir, {recursive: true})
})

async function start(options = {}): Promise<GuardedNode> {
  const node = await startGuarded(file, options)
  nodes.push(node)
  return node
}

describe('the table of roles', () => {
  const path = (method: string) => `/raftctl.v1.${method}`
  const allowed = (role: Role, method: string) => {
    try {
      refuseUnlessAllowed(path(method), {name: 'x', roles: [role]})
      return true
    } catch {
      return false
    }
  }
  const rows: [string, Role[]][] = [
    ['ClusterService/Initialise', ['admin']],
    ['ClusterService/Join', ['admin', 'peer']],
    ['ClusterService/Status', ['admin', 'write', 'read', 'monitor', 'peer']],
    ['ClusterService/ChangeMembership', ['admin']],
    ['ClusterService/TransferLeadership', ['admin']],
    ['LogService/LogEntriesRange', ['admin', 'write', 'read']],
    ['SnapshotService/Create', ['admin']],
    ['SnapshotService/List', ['admin', 'write', 'read', 'monitor']],
    ['MetricsService/Watch', ['admin', 'write', 'read', 'monitor']],
    ['KeyValueService/Put', ['admin', 'write']],
    ['KeyValueService/Pipeline', ['admin', 'write']],
    ['KeyValueService/Get', ['admin', 'write', 'read']],
    ['KeyValueService/Range', ['admin', 'write', 'read']],
    ['PeerService/Exchange', ['peer']],
    ['PeerService/InstallSnapshot', ['peer']],
    ['ClusterService/Invented', []],
    ['../constructor', []],
  ]
  for (const [method, may] of rows) {
    test(`${method} is for ${may.join(', ') || 'nobody'}`, () => {
      expect(roles.filter(role => allowed(role, method))).toEqual(may)
    })
  }

  test('has a row for every method of the services', () => {
    const paths = Object.values(KeyValueServiceService).map(method => method.path)

    expect(paths.filter(known => !isKnownMethod(known))).toEqual([])
  })
})

const refusals = [
  {what: 'nothing', authorization: undefined, says: 'no token and no client certificate'},
  {what: 'a wrong token', authorization: 'Bearer other', says: 'does not know the token'},
  {what: 'a hash', authorization: `Bearer ${hashOf('token-admin')}`, says: 'does not know the'},
  {what: 'another scheme', authorization: 'Basic token-admin', says: '"Bearer TOKEN"'},
  {what: 'an empty token', authorization: 'Bearer', says: '"Bearer TOKEN"'},
]
for (const {what, authorization, says} of refusals) {
  test(`${what} is not let in, and the answer does not repeat it`, async () => {
    const {server, logged} = await start()

    const failure = await failureWith(server.address, authorization)

    expect(failure).toMatchObject({code: 'RAFTCTL_NOT_AUTHENTICATED'})
    expect(failure?.message).toContain(says)
    expect(failure?.hint).toContain('--token-file')
    const told = `${JSON.stringify(failure)}${failure?.message}${logged.join('')}`
    if (authorization?.includes(' ')) expect(told).not.toContain(authorization.split(' ')[1])
  })
}

test('a role that is too small is named, with the one that is needed', async () => {
  const {server} = await start()

  const failure = await failureWith(
    server.address,
    'Bearer token-monitor',
    (client, metadata, done) => client.changeMembership(NO_CHANGE, metadata, done),
  )

  expect(failure).toMatchObject({
    code: 'RAFTCTL_NOT_AUTHORISED',
    message: 'ClusterService/ChangeMembership needs the role admin; "the-monitor" holds monitor',
    details: {needed: ['admin'], held: ['monitor']},
  })
})

test('a pristine node is initialised by an admin only', async () => {
  const {server, host} = await start()
  const request = {clusterId: 'c', voters: [], origin: undefined}
  const initialise = (authorization: string | undefined) =>
    failureWith(server.address, authorization, (client, metadata, done) =>
      client.initialise(request, metadata, done),
    )

  expect(await initialise(undefined)).toMatchObject({code: 'RAFTCTL_NOT_AUTHENTICATED'})
  for (const role of ['write', 'read', 'monitor', 'peer']) {
    expect(await initialise(`Bearer token-${role}`)).toMatchObject({code: 'RAFTCTL_NOT_AUTHORISED'})
  }
  // Let in: what it asks for is refused for itself.
  expect(await initialise('Bearer token-admin')).toMatchObject({code: 'RAFTCTL_REFUSED'})
  expect(host.joins).toEqual([])
})

test('headers that are too long are refused before anything else', async () => {
  const {server} = await start()

  const failure = await failureWith(
    server.address,
    'Bearer token-admin',
    (client, metadata, done) => {
      metadata.set('x-long', 'z'.repeat(17_000))
      client.status({}, metadata, done)
    },
  )

  expect(failure).toMatchObject({code: 'RAFTCTL_TOO_LARGE'})
})

test('health is open to all', async () => {
  const {server} = await start()
  const client = new HealthClient(server.address, grpc.credentials.createInsecure())

  const status = await new Promise(resolve =>
    client.check({service: ''}, (error, answer) => resolve(error ?? answer.status)),
  )

  expect(status).toBe(1)
  client.close()
})

test('a stranger opens no peer stream, nor does an admin', async () => {
  const {server} = await start()
  for (const [token, code] of [
    [undefined, 'RAFTCTL_NOT_AUTHENTICATED'],
    ['token-admin', 'RAFTCTL_NOT_AUTHORISED'],
  ]) {
    const client = new PeerServiceClient(server.address, grpc.credentials.createInsecure())
    const metadata = new grpc.Metadata()
    if (token !== undefined) metadata.set('authorization', `Bearer ${token}`)
    const call = client.exchange(metadata)

    const [error] = (await once(call, 'error')) as [StatusLike]

    expect(fromServiceError(error)).toMatchObject({code})
    client.close()
  }
})

test('tokens are read again when the file changes, and what is malformed changes nothing', async () => {
  const {server, logged} = await start()
  const ask = async (name: string) => (await failureWith(server.address, `Bearer ${name}`))?.code
  expect(await ask('token-read')).toBeUndefined()

  await writeFile(file, 'admin broken token-in-clear\n')
  await until('the refusal is logged', () => logged.some(line => line.includes('line 1')))
  const afterMalformed = await ask('token-read')
  await writeFile(file, `monitor fresh ${hashOf('fresh')}\n`)
  await until('the new tokens are logged', () => logged.some(line => line.includes('"tokens":1')))

  expect(afterMalformed).toBeUndefined()
  expect(await ask('token-read')).toBe('RAFTCTL_NOT_AUTHENTICATED')
  expect(await ask('fresh')).toBeUndefined()
  expect(logged.join('')).not.toContain('token-in-clear')
})

test('a stream ends when the token that opened it is taken away', async () => {
  const {server, host} = await start()
  host.belong(identityOf(1), membershipOf([server.address]))
  const client = new MetricsServiceClient(server.address, grpc.credentials.createInsecure())
  const metadata = new grpc.Metadata()
  metadata.set('authorization', 'Bearer token-monitor')
  const watch = client.watch({intervalMs: 20, onChange: false, prometheus: false}, metadata)
  const failed = once(watch, 'error') as Promise<[StatusLike]>
  await once(watch, 'data')
  watch.resume()

  await writeFile(file, lines(['admin']))

  const [error] = await failed
  expect(fromServiceError(error)).toMatchObject({code: 'RAFTCTL_NOT_AUTHENTICATED'})
  client.close()
})

test('a file of tokens that is malformed, empty or missing stops the start', async () => {
  await writeFile(file, 'admin a b\n')

  await expect(startGuarded(file)).rejects.toMatchObject({code: 'RAFTCTL_USAGE'})
  await writeFile(file, '# nobody\n')
  await expect(startGuarded(file)).rejects.toMatchObject({code: 'RAFTCTL_USAGE'})
  await expect(startGuarded(join(dir, 'none'))).rejects.toMatchObject({
    code: 'RAFTCTL_FILE_NOT_FOUND',
  })
})

test('a connection without an accepted call is cut in time, one with a call is not', async () => {
  const {server} = await start({unprovenMs: 300})
  const silent = connect(server.port, '127.0.0.1')
  silent.on('error', () => {})
  silent.resume()
  const client = new MetricsServiceClient(server.address, grpc.credentials.createInsecure())
  const metadata = new grpc.Metadata()
  metadata.set('authorization', 'Bearer token-monitor')
  nodes[0]!.host.belong(identityOf(1), membershipOf([server.address]))
  const watch = client.watch({intervalMs: 20, onChange: false, prometheus: false}, metadata)
  let failed = false
  watch.on('error', () => {
    failed = true
  })
  watch.resume()

  await once(silent, 'close')
  await once(watch, 'data')

  expect(failed).toBe(false)
  watch.cancel()
  client.close()
})

test('strangers push out strangers, never who has shown who they are', async () => {
  const {server, host} = await start()
  host.belong(identityOf(1), membershipOf([server.address]))
  const client = new MetricsServiceClient(server.address, grpc.credentials.createInsecure())
  const metadata = new grpc.Metadata()
  metadata.set('authorization', 'Bearer token-monitor')
  const watch = client.watch({intervalMs: 20, onChange: false, prometheus: false}, metadata)
  let failed = false
  watch.on('error', () => {
    failed = true
  })
  await once(watch, 'data')
  watch.resume()

  let cut = 0
  const strangers = Array.from({length: 300}, () => connect(server.port, '127.0.0.1'))
  for (const stranger of strangers) {
    stranger.on('error', () => {})
    stranger.on('close', () => {
      cut += 1
    })
    stranger.resume()
  }
  await until('the oldest strangers are cut', () => cut >= 44)

  expect((await failureWith(server.address, 'Bearer token-read'))?.code).toBeUndefined()
  expect(failed).toBe(false)
  for (const stranger of strangers) stranger.destroy()
  watch.cancel()
  client.close()
})
