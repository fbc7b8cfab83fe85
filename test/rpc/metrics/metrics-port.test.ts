// The HTTP port: who may scrape, over what, and what strangers can't do to it.

import {createHash} from 'node:crypto'
import {once} from 'node:events'
import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises'
import {request as requestPlain} from 'node:http'
import {request as requestTls} from 'node:https'
import {connect, type Socket} from 'node:net'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterAll, afterEach, beforeAll, describe, expect, test} from 'vitest'
import {
  makeAuthority,
  makeClientCertificate,
  makeNodeCertificate,
} from '../../../src/operator/certificates.js'
import {OPEN_ACCESS} from '../../../src/rpc/access/gate.js'
import {guardedAccess} from '../../../src/rpc/access/guarded-access.js'
import {METRICS_UNPROVEN_CONNECTIONS_MAX} from '../../../src/rpc/limits.js'
import {NO_LOG} from '../../../src/rpc/log.js'
import {
  bindMetricsPort,
  type MetricsPort,
  type MetricsPortOptions,
} from '../../../src/rpc/metrics/metrics-port.js'
import {readTls, type TlsFiles} from '../../../src/rpc/tls.js'
import {until} from '../support.js'

let dir = ''
let tls: TlsFiles
let tokenFile = ''
const ports: (MetricsPort & {end(): void})[] = []

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'raftctl-metrics-'))
  const wish = {directory: dir, days: 1, overwrite: false}
  const {certPath: ca} = await makeAuthority(wish)
  const {certPath: cert, keyPath: key} = await makeNodeCertificate(['127.0.0.1'], wish)
  tls = {ca, cert, key}
  await makeClientCertificate('grafana', 'monitor', wish)
  tokenFile = join(dir, 'tokens')
  const hash = (token: string) => createHash('sha256').update(token).digest('hex')
  await writeFile(tokenFile, `monitor grafana ${hash('looks')}\npeer other ${hash('speaks')}\n`)
})
afterAll(() => rm(dir, {recursive: true}))
afterEach(async () => {
  await Promise.all(
    ports.splice(0).map(port => {
      port.end()
      return port.stop()
    }),
  )
})

async function bind(options: Partial<MetricsPortOptions> = {}, guarded = false) {
  const access = guarded ? await guardedAccess(tokenFile, NO_LOG) : undefined
  const port = await bindMetricsPort({
    listen: '127.0.0.1:0',
    access: access ?? OPEN_ACCESS,
    tls: undefined,
    log: NO_LOG,
    metrics: () => 'a_total 1\n',
    ill: () => undefined,
    ...options,
  })
  ports.push({...port, end: () => access?.stop()})
  return port
}

interface Answer {
  readonly status: number | undefined
  readonly text: string
  readonly type: string | undefined
}

async function get(
  {address}: MetricsPort,
  path: string,
  {
    method = 'GET',
    token = '',
    ...rest
  }: {method?: string; token?: string; ca?: Buffer; cert?: Buffer; key?: Buffer} = {},
): Promise<Answer> {
  const headers = token === '' ? {} : {authorization: `Bearer ${token}`}
  const secure = 'ca' in rest
  const url = `${secure ? 'https' : 'http'}://${address}${path}`
  const make = secure ? requestTls : requestPlain
  const request = make(url, {method, headers, agent: false, ...rest}).end()
  const [response] = await once(request, 'response')
  let text = ''
  for await (const chunk of response) text += chunk
  return {status: response.statusCode, text, type: response.headers['content-type']}
}

test('the figures come as the text that scrapers read', async () => {
  const port = await bind()

  expect(await get(port, '/metrics?x=1')).toEqual({
    status: 200,
    text: 'a_total 1\n',
    type: 'text/plain; version=0.0.4; charset=utf-8',
  })
})

test('health says why it is not good', async () => {
  let why: string | undefined
  const port = await bind({ill: () => why})

  expect(await get(port, '/healthz')).toMatchObject({status: 200, text: 'ok\n'})
  why = 'the node knows no leader'
  expect(await get(port, '/healthz')).toMatchObject({status: 503, text: `${why}\n`})
})

test('nothing else is there', async () => {
  const port = await bind()

  for (const path of ['/', '/metrics/', '/..%2fmetrics', '/debug']) {
    expect(await get(port, path)).toMatchObject({status: 404})
  }
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
    expect(await get(port, '/metrics', {method})).toMatchObject({status: 405})
  }
})

describe('where the node asks who calls', () => {
  const cases = [
    {token: '', status: 401, says: 'no token and no client certificate'},
    {token: 'wrong', status: 401, says: 'does not know the token'},
    {token: 'speaks', status: 403, says: 'needs the role monitor'},
    {token: 'looks', status: 200, says: 'a_total'},
  ]
  for (const {token, status, says} of cases) {
    test(`the token "${token}" is answered with ${status}`, async () => {
      const port = await bind({}, true)

      const answer = await get(port, '/metrics', {token})

      expect(answer.status).toBe(status)
      expect(answer.text).toContain(says)
      if (status === 401 && token !== '') expect(answer.text).not.toContain(token)
    })
  }

  test('health is open to all', async () => {
    const port = await bind({}, true)

    expect(await get(port, '/healthz')).toMatchObject({status: 200})
  })

  test('a client certificate with the role does, over TLS', async () => {
    const port = await bind({tls: readTls(tls)}, true)
    const ca = await readFile(tls.ca!)
    const cert = await readFile(join(dir, 'client-grafana.crt'))
    const key = await readFile(join(dir, 'client-grafana.key'))

    expect(await get(port, '/metrics', {ca, cert, key})).toMatchObject({status: 200})
    expect(await get(port, '/metrics', {ca})).toMatchObject({status: 401})
    expect(await get(port, '/metrics', {ca, token: 'looks'})).toMatchObject({status: 200})
  })
})

describe('strangers', () => {
  function knock({address}: MetricsPort): Promise<Socket> {
    const socket = connect(Number(address.split(':')[1]), '127.0.0.1')
    socket.on('error', () => {})
    return once(socket, 'connect').then(() => socket)
  }

  test('who only connect take no place for long: the oldest are cut', async () => {
    const port = await bind()
    const sockets: Socket[] = []
    let closed = 0
    for (let i = 0; i < METRICS_UNPROVEN_CONNECTIONS_MAX + 10; i++) {
      const socket = await knock(port)
      socket.once('close', () => closed++)
      socket.resume()
      sockets.push(socket)
    }

    await until('the surplus is cut', () => closed >= 10)

    expect(await get(port, '/metrics')).toMatchObject({status: 200})
    for (const socket of sockets) socket.destroy()
  })

  test('who dawdle over a request are cut', {timeout: 15_000}, async () => {
    const port = await bind()
    const [silent, slow] = [await knock(port), await knock(port)]
    slow!.write('GET /metrics HTTP/1.1\r\nhost: a\r\n')

    const ends = [silent!, slow!].map(socket => once(socket.resume(), 'close'))

    await Promise.all(ends)
  })

  test('who send too long a header are refused', async () => {
    const port = await bind()
    const socket = await knock(port)
    let answer = ''
    socket.on('data', chunk => {
      answer += chunk
    })

    socket.write(`GET /metrics HTTP/1.1\r\nhost: a\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`)
    await once(socket, 'close')

    expect(answer).not.toContain('a_total')
  })
})
