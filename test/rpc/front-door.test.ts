// A port that speaks TLS: what else knocks there, and whom a node takes for a node.
import {once} from 'node:events'
import {mkdtemp, rm} from 'node:fs/promises'
import {connect} from 'node:net'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {connect as connectTls} from 'node:tls'
import {afterAll, afterEach, beforeAll, expect, test} from 'vitest'
import {
  makeAuthority,
  makeClientCertificate,
  makeNodeCertificate,
} from '../../src/operator/certificates.js'
import {nodeSecurity} from '../../src/rpc/node-security.js'
import {securityOf} from '../../src/rpc/security.js'
import {readTls, type TlsFiles} from '../../src/rpc/tls.js'
import {type GuardedNode, startGuarded, statusOf} from './access/support.js'

let dir = ''
let files: TlsFiles
let admin: TlsFiles
const nodes: GuardedNode[] = []

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'raftctl-door-'))
  const wish = {directory: dir, days: 1, overwrite: false}
  const {certPath: ca} = await makeAuthority(wish)
  const node = await makeNodeCertificate(['127.0.0.1'], wish)
  const client = await makeClientCertificate('boss', 'admin', wish)
  files = {ca, cert: node.certPath, key: node.keyPath}
  admin = {ca, cert: client.certPath, key: client.keyPath}
})
afterAll(() => rm(dir, {recursive: true}))
afterEach(async () => {
  await Promise.all(nodes.splice(0).map(node => node.stop()))
})

async function start(): Promise<GuardedNode> {
  const node = await startGuarded(undefined, {tls: readTls(files)})
  nodes.push(node)
  return node
}

test('other protocols and broken handshakes hurt nobody', async () => {
  const {server} = await start()
  const hello = Buffer.from([0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3])
  for (const bytes of [
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nxxxxxxxxxxxxxxxx'),
    Buffer.alloc(1000),
    hello,
    Buffer.concat([hello, Buffer.alloc(300, 0xff)]),
    Buffer.alloc(0),
  ]) {
    const socket = connect(server.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.resume()
    socket.end(bytes)
    await once(socket, 'close')
  }

  const answer = await statusOf(server.address, securityOf({tls: admin}))

  expect(answer).toEqual({role: 'pristine'})
})

test('plain text is told that TLS is spoken', async () => {
  const {server} = await start()

  expect(await statusOf(server.address)).toMatchObject({
    code: 'RAFTCTL_NOT_TRUSTED',
    details: {reason: 'plain-text'},
  })
})

test('versions before TLS 1.2 are not spoken', async () => {
  const {server} = await start()
  const socket = connectTls({
    port: server.port,
    host: '127.0.0.1',
    rejectUnauthorized: false,
    maxVersion: 'TLSv1.1',
    minVersion: 'TLSv1',
    ciphers: 'DEFAULT@SECLEVEL=0',
  })

  const [error] = (await once(socket, 'error')) as [Error]

  expect(error.message).toMatch(/protocol version|unsupported protocol/i)
})

test('a node takes only a node for a node, whoever signed the certificate', async () => {
  const wish = {directory: dir, days: 1, overwrite: true}
  const impostor = await makeClientCertificate('impostor', 'admin', wish)
  const server = await startGuarded(undefined, {
    tls: readTls({ca: files.ca, cert: impostor.certPath, key: impostor.keyPath}),
  })
  nodes.push(server)
  const security = await nodeSecurity({tls: files}, () => {})

  const toImpostor = await statusOf(server.server.address, security.channels)
  const toNode = await statusOf((await start()).server.address, security.channels)

  security.stop()
  expect(toImpostor).toMatchObject({code: 'RAFTCTL_NOT_TRUSTED'})
  expect(toNode).toEqual({role: 'pristine'})
})

test('a node with half of what TLS needs does not start', async () => {
  await expect(nodeSecurity({tls: {ca: files.ca}}, () => {})).rejects.toMatchObject({
    code: 'RAFTCTL_USAGE',
  })
  await expect(nodeSecurity({tls: {...files, key: admin.key}}, () => {})).rejects.toMatchObject({
    code: 'RAFTCTL_USAGE',
  })
  await expect(
    nodeSecurity({tls: {...files, ca: join(dir, 'none')}}, () => {}),
  ).rejects.toMatchObject({code: 'RAFTCTL_FILE_NOT_FOUND'})
})
