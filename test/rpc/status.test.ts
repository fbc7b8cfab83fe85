import {once} from 'node:events'
import {createServer as createHttpServer} from 'node:http'
import {type AddressInfo, createServer, type Server} from 'node:net'
import * as grpc from '@grpc/grpc-js'
import fc from 'fast-check'
import {afterEach, describe, expect, test} from 'vitest'
import {ERRORS, type ErrorCode, RaftctlError} from '../../src/errors.js'
import {ClusterServiceClient} from '../../src/rpc/gen/raftctl/v1/cluster.js'
import {fromServiceError, type StatusLike, toServiceError} from '../../src/rpc/status.js'
import {startFake, stopAll} from './cluster-of-fakes.js'
import {identityOf, membershipOf} from './support.js'

afterEach(stopAll)

const codes = Object.keys(ERRORS) as ErrorCode[]

test('every error comes out as it went in', () => {
  const error = fc.record({
    code: fc.constantFrom(...codes),
    message: fc.string({maxLength: 100}),
    hint: fc.option(fc.string({minLength: 1, maxLength: 100}), {nil: undefined}),
    leader: fc.option(fc.constant('10.0.0.1:7400'), {nil: undefined}),
    details: fc.dictionary(
      fc.string().filter(key => key !== '__proto__'),
      fc.integer(),
      {maxKeys: 3},
    ),
  })
  fc.assert(
    fc.property(error, ({code, message, ...extras}) => {
      const read = fromServiceError(toServiceError(new RaftctlError(code, message, extras)))

      const {hint, leader, details} = read
      expect({code: read.code, message: read.message, hint, leader, details}).toEqual({
        code,
        message,
        ...extras,
      })
    }),
  )
})

test('a defect crosses the wire without its stack', () => {
  const error = new Error('boom')

  const service = toServiceError(error)

  expect(service.code).toBe(grpc.status.INTERNAL)
  expect(JSON.stringify(service.metadata.toHttp2Headers())).not.toContain('status.test')
  expect(fromServiceError(service)).toMatchObject({
    code: 'RAFTCTL_UNEXPECTED',
    message: 'unexpected failure in the node: boom',
  })
})

test('text that is no well-formed Unicode, and endless text, still cross the wire', async () => {
  const node = await startFake()
  node.host.belong(identityOf(1), membershipOf([node.address]))
  node.host.runtime!.refuse = new RaftctlError('RAFTCTL_REFUSED', `\ud800${'ä'.repeat(100_000)}`, {
    hint: 'x'.repeat(100_000),
    details: {much: 'y'.repeat(100_000)},
  })

  const error = await failureOf(
    node.address,
    client => done => client.transferLeadership({target: 0n}, done),
  )

  expect(error.code).toBe('RAFTCTL_REFUSED')
  expect(error.message.length).toBeLessThan(4096)
})

test('the code, the hint and the leader of a refusal reach the client', async () => {
  const node = await startFake()
  node.host.belong(identityOf(1), membershipOf([node.address]))
  node.host.runtime!.refuse = new RaftctlError('RAFTCTL_NOT_LEADER', 'node 2 leads', {
    hint: 'Ask it.',
    leader: '10.0.0.2:7400',
  })

  const error = await failureOf(
    node.address,
    client => done => client.transferLeadership({target: 0n}, done),
  )

  expect(error).toMatchObject({
    code: 'RAFTCTL_NOT_LEADER',
    hint: 'Ask it.',
    leader: '10.0.0.2:7400',
  })
})

test('a code of a newer version falls back on its gRPC status and keeps its sentence', () => {
  const service = toServiceError(new RaftctlError('RAFTCTL_NO_LEADER', 'm'))
  const bytes = service.metadata.get('raftctl-error-bin')[0] as Buffer
  service.metadata.set(
    'raftctl-error-bin',
    Buffer.from(
      bytes.toString('latin1').replace('RAFTCTL_NO_LEADER', 'RAFTCTL_NEW_THING'),
      'latin1',
    ),
  )

  expect(fromServiceError(service)).toMatchObject({code: 'RAFTCTL_UNREACHABLE', message: 'm'})
})

type Start = (
  client: ClusterServiceClient,
) => (done: (error: grpc.ServiceError | null) => void) => unknown

async function failureOf(
  address: string,
  start: Start = client => done =>
    client.status({}, new grpc.Metadata(), {deadline: Date.now() + 5000}, done),
): Promise<RaftctlError> {
  const client = new ClusterServiceClient(address, grpc.credentials.createInsecure())
  try {
    const error = await new Promise<StatusLike | null>(resolve => start(client)(resolve))
    if (error === null) throw new Error('the call succeeded')
    return fromServiceError(error, address)
  } finally {
    client.close()
  }
}

describe('trouble with a connection is told apart:', () => {
  const servers: Server[] = []
  afterEach(() => {
    for (const server of servers.splice(0)) server.close()
  })

  async function listen(server: Server): Promise<string> {
    servers.push(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return `127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  test('nothing listens', async () => {
    const node = await startFake()
    await node.stop()

    expect(await failureOf(node.address)).toMatchObject({
      code: 'RAFTCTL_UNREACHABLE',
      message: `can't reach ${node.address}: nothing listens there`,
      details: {reason: 'refused'},
    })
  })

  test('the name is not known', async () => {
    expect(await failureOf('no-such-host.invalid:7400')).toMatchObject({
      code: 'RAFTCTL_UNREACHABLE',
      details: {reason: 'name-not-found'},
    })
  })

  test('a web server listens', async () => {
    const address = await listen(createHttpServer((_, response) => response.end('hello')))

    expect(await failureOf(address)).toMatchObject({
      code: 'RAFTCTL_UNREACHABLE',
      details: {reason: 'not-a-node'},
    })
  })

  test('something that talks another protocol listens', async () => {
    const address = await listen(createServer(socket => socket.end('220 mail ready\r\n')))

    expect(await failureOf(address)).toMatchObject({
      code: 'RAFTCTL_UNREACHABLE',
      details: {reason: 'not-a-node'},
    })
  })

  test('a gRPC server without our services listens', async () => {
    const server = new grpc.Server()
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      )
    })

    expect(await failureOf(`127.0.0.1:${port}`)).toMatchObject({
      code: 'RAFTCTL_UNREACHABLE',
      details: {reason: 'not-a-node'},
    })
    server.forceShutdown()
  })

  test('the connection is cut', async () => {
    const address = await listen(
      createServer(socket => socket.once('data', () => socket.resetAndDestroy())),
    )

    expect(await failureOf(address)).toMatchObject({
      code: 'RAFTCTL_UNREACHABLE',
      details: {reason: 'reset'},
    })
  })

  test('TLS is wanted and the node speaks plain text', async () => {
    const node = await startFake()
    const client = new ClusterServiceClient(node.address, grpc.credentials.createSsl())

    const error = await new Promise<StatusLike | null>(resolve => client.status({}, resolve))

    expect(fromServiceError(error!)).toMatchObject({
      code: 'RAFTCTL_NOT_TRUSTED',
      message: `the node does not speak TLS, and was spoken to in TLS`,
      details: {reason: 'plain-text'},
    })
    client.close()
  })

  test('nobody answers in time', async () => {
    const address = await listen(createServer(() => {}))

    const error = await failureOf(
      address,
      client => done => client.status({}, new grpc.Metadata(), {deadline: Date.now() + 100}, done),
    )

    expect(error).toMatchObject({code: 'RAFTCTL_TIMED_OUT'})
  })
})
