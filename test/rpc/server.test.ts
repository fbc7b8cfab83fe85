import {once} from 'node:events'
import {connect, createServer} from 'node:net'
import * as grpc from '@grpc/grpc-js'
import {afterEach, describe, expect, test} from 'vitest'
import {RaftctlError} from '../../src/errors.js'
import {
  HealthClient,
  HealthCheckResponse_ServingStatus as Serving,
} from '../../src/rpc/gen/grpc/health/v1/health.js'
import {ClusterServiceClient} from '../../src/rpc/gen/raftctl/v1/cluster.js'
import {KeyValueServiceClient, KeyValueServiceService} from '../../src/rpc/gen/raftctl/v1/kv.js'
import type {ServiceEntry} from '../../src/rpc/handler.js'
import {type BoundServer, bindServer} from '../../src/rpc/server.js'
import {clusterService} from '../../src/rpc/service/cluster-service.js'
import {fromServiceError, type StatusLike} from '../../src/rpc/status.js'
import {startFake, stopAll} from './cluster-of-fakes.js'
import {FakeHost} from './fake-host.js'
import {identityOf, membershipOf, until} from './support.js'

const bound: BoundServer[] = []
const clients: grpc.Client[] = []
afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  await stopAll()
  await Promise.all(bound.splice(0).map(server => server.stop()))
})

async function bind(listen = '127.0.0.1:0', graceMs = 50): Promise<BoundServer> {
  const server = await bindServer({listen, graceMs})
  bound.push(server)
  return server
}

function keep<T extends grpc.Client>(client: T): T {
  clients.push(client)
  return client
}

const insecure = grpc.credentials.createInsecure()
const statusOf = (address: string) =>
  new Promise((resolve, reject) => {
    keep(new ClusterServiceClient(address, insecure)).status({}, (error, value) =>
      error ? reject(error) : resolve(value),
    )
  })

test('a port in use is named, with what to do', async () => {
  const {address} = await bind()

  await expect(bindServer({listen: address})).rejects.toMatchObject({
    code: 'RAFTCTL_PORT_IN_USE',
    message: `another process listens on ${address}`,
  })
})

test('an address that is none, or of another machine, is refused', async () => {
  await expect(bindServer({listen: 'nonsense'})).rejects.toMatchObject({code: 'RAFTCTL_USAGE'})
  await expect(bindServer({listen: '192.0.2.1:7400'})).rejects.toMatchObject({
    code: 'RAFTCTL_INPUT_OUTPUT',
  })
})

test('who calls between binding and serving waits and is then answered', async () => {
  const server = await bind()
  const answer = statusOf(server.address)
  const early = connect(server.port, '127.0.0.1')
  await once(early, 'connect')
  const host = new FakeHost()
  host.address = server.address

  server.serve([
    clusterService({host, connections: () => new Map(), membershipHistory: () => [], tickMs: 10}),
  ])

  expect(await answer).toMatchObject({role: 'pristine', address: server.address})
  early.destroy()
})

test('stopping ends streams that never end, and frees the port', async () => {
  const node = await startFake()
  const watch = keep(new HealthClient(node.address, insecure)).watch({service: ''})
  await once(watch, 'data')
  const ended = once(watch, 'error')

  await node.stop()

  await ended
  const other = createServer()
  other.listen(node.server.port, '127.0.0.1')
  await once(other, 'listening')
  other.close()
})

test('a message larger than the limit is refused and the node goes on', async () => {
  const node = await startFake()
  const client = keep(new ClusterServiceClient(node.address, insecure))

  const error = await new Promise<StatusLike | null>(resolve => {
    const clusterId = 'x'.repeat(9 * 1024 * 1024)
    client.initialise({clusterId, voters: [], origin: undefined}, resolve)
  })

  expect(fromServiceError(error!)).toMatchObject({code: 'RAFTCTL_TOO_LARGE'})
  expect(await statusOf(node.address)).toMatchObject({role: 'pristine'})
})

test('bytes that are no HTTP/2 hurt nobody', async () => {
  const node = await startFake()
  for (const bytes of [
    'GET / HTTP/1.1\r\n\r\n',
    '\0'.repeat(1000),
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nxxxxxxxxxxxxxxxx',
  ]) {
    const socket = connect(node.server.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.end(bytes)
    socket.resume()
    await once(socket, 'close')
  }

  expect(await statusOf(node.address)).toMatchObject({role: 'pristine'})
})

describe('a service of another room', () => {
  const failure = new RaftctlError('RAFTCTL_KEY_NOT_FOUND', 'no such key')
  const handlers: ServiceEntry['handlers'] = {
    get: (_call: unknown, callback: (error: Error) => void) => callback(failure),
    delete: () => {
      throw new Error('a defect')
    },
    put: async () => {
      throw failure
    },
    range: (call: grpc.ServerWritableStream<unknown, unknown>) => call.emit('error', failure),
    openSession: () => {},
    pipeline: () => {
      throw failure
    },
  }

  async function client(): Promise<KeyValueServiceClient> {
    const server = await bind()
    server.serve([{definition: KeyValueServiceService, handlers}])
    return keep(new KeyValueServiceClient(server.address, insecure))
  }
  const key = Buffer.from('k')

  test('fails with its codes, however it says so', async () => {
    const kv = await client()
    const get = new Promise<StatusLike | null>(done => kv.get({key, stale: false}, done))
    const put = new Promise<StatusLike | null>(done =>
      kv.put({key, value: key, write: undefined, expectedVersion: undefined}, done),
    )
    const range = kv.range({start: key, end: key, limit: 0n, stale: false, keysOnly: false})
    const pipeline = kv.pipeline()
    const streams = [range, pipeline].map(async stream => {
      stream.resume()
      return (await once(stream, 'error'))[0] as StatusLike
    })

    for (const error of await Promise.all([get, put, ...streams])) {
      expect(fromServiceError(error!)).toMatchObject({code: 'RAFTCTL_KEY_NOT_FOUND'})
    }
  })

  test('that throws fails the call, not the node', async () => {
    const kv = await client()
    const error = await new Promise<StatusLike | null>(done =>
      kv.delete({key, write: undefined, expectedVersion: undefined}, done),
    )

    expect(fromServiceError(error!)).toMatchObject({
      code: 'RAFTCTL_UNEXPECTED',
      message: 'unexpected failure in the node: a defect',
    })
  })
})

describe('health', () => {
  const check = (address: string, service: string) =>
    new Promise<[number | undefined, number | undefined]>(resolve => {
      keep(new HealthClient(address, insecure)).check({service}, (error, value) =>
        resolve([error?.code, value?.status]),
      )
    })

  test('says that the process serves, and the group once there is a leader', async () => {
    const node = await startFake()
    const before = [await check(node.address, ''), await check(node.address, 'raftctl.group.1')]
    node.host.belong(identityOf(1), membershipOf([node.address]))
    node.host.runtime!.leaderId = 1

    const after = await check(node.address, 'raftctl.group.1')

    expect(before).toEqual([
      [undefined, Serving.SERVING],
      [undefined, Serving.NOT_SERVING],
    ])
    expect(after).toEqual([undefined, Serving.SERVING])
    expect(await check(node.address, 'other')).toEqual([grpc.status.NOT_FOUND, undefined])
  })

  test('is watched', async () => {
    const node = await startFake()
    node.host.belong(identityOf(1), membershipOf([node.address]))
    const seen: number[] = []
    const watch = keep(new HealthClient(node.address, insecure)).watch({service: 'raftctl.group.1'})
    watch.on('error', () => {})
    watch.on('data', ({status}) => seen.push(status))
    await until('the first state', () => seen.length === 1)

    node.host.runtime!.leaderId = 1
    node.host.runtime!.step([])

    await until('the change', () => seen.length === 2)
    expect(seen).toEqual([Serving.NOT_SERVING, Serving.SERVING])
    watch.cancel()
  })
})
