import {fromBinary} from '@bufbuild/protobuf'
import {FileDescriptorProtoSchema} from '@bufbuild/protobuf/wkt'
import * as grpc from '@grpc/grpc-js'
import {afterEach, expect, test} from 'vitest'
import {
  type ServerReflectionRequest,
  type ServerReflectionResponse,
  ServerReflectionService,
} from '../../../src/rpc/gen/grpc/reflection/v1/reflection.js'
import {startFake, stopAll} from '../cluster-of-fakes.js'

afterEach(stopAll)

const PATH = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo'

async function ask(
  address: string,
  messageRequest: ServerReflectionRequest['messageRequest'],
  path = PATH,
): Promise<ServerReflectionResponse['messageResponse']> {
  const {requestSerialize, responseDeserialize} = ServerReflectionService.serverReflectionInfo
  const client = new grpc.Client(address, grpc.credentials.createInsecure())
  const call = client.makeBidiStreamRequest<ServerReflectionRequest, ServerReflectionResponse>(
    path,
    requestSerialize,
    responseDeserialize,
  )
  try {
    call.write({host: 'h', messageRequest})
    call.end()
    for await (const answer of call) {
      return (answer as ServerReflectionResponse).messageResponse
    }
    throw new Error('there was no answer')
  } finally {
    client.close()
  }
}

const filesOf = (answer: ServerReflectionResponse['messageResponse']) => {
  if (answer?.$case !== 'fileDescriptorResponse') throw new Error(`it was ${answer?.$case}`)
  return answer.value.fileDescriptorProto.map(bytes => fromBinary(FileDescriptorProtoSchema, bytes))
}

for (const path of [PATH, '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo']) {
  test(`every service is listed at ${path.split('/')[1]}`, async () => {
    const node = await startFake()

    const answer = await ask(node.address, {$case: 'listServices', value: ''}, path)

    expect(answer).toMatchObject({$case: 'listServicesResponse'})
    const {value} = answer as {value: {service: {name: string}[]}}
    expect(value.service.map(({name}) => name)).toEqual([
      'raftctl.v1.PeerService',
      'raftctl.v1.ClusterService',
      'raftctl.v1.LogService',
      'raftctl.v1.SnapshotService',
      'raftctl.v1.MetricsService',
      'grpc.health.v1.Health',
      'grpc.reflection.v1.ServerReflection',
    ])
  })
}

test('a symbol is answered with its file and what that imports', async () => {
  const node = await startFake()
  const value = 'raftctl.v1.ClusterService.Status'

  const files = filesOf(await ask(node.address, {$case: 'fileContainingSymbol', value}))

  expect(files.map(({name}) => name)).toEqual([
    'raftctl/v1/cluster.proto',
    'raftctl/v1/common.proto',
  ])
  expect(files[0]?.service[0]?.method.map(({name}) => name)).toContain('Status')
})

test('a nested field, an enumeration and a file name are found', async () => {
  const node = await startFake()
  for (const value of [
    'raftctl.v1.PeerMessage.term',
    'raftctl.v1.PeerMessageKind',
    'grpc.health.v1.HealthCheckResponse.ServingStatus',
  ]) {
    expect(filesOf(await ask(node.address, {$case: 'fileContainingSymbol', value}))).not.toEqual([])
  }
  const byName = await ask(node.address, {$case: 'fileByFilename', value: 'raftctl/v1/kv.proto'})

  expect(filesOf(byName)[0]?.package).toBe('raftctl.v1')
})

const refused: [string, ServerReflectionRequest['messageRequest'], number][] = [
  ['an unknown symbol', {$case: 'fileContainingSymbol', value: 'constructor'}, 5],
  ['an unknown file', {$case: 'fileByFilename', value: '__proto__'}, 5],
  ['an extension', {$case: 'allExtensionNumbersOfType', value: 'x'}, 5],
  ['an empty request', undefined, 3],
]
for (const [what, request, errorCode] of refused) {
  test(`${what} is answered with an error`, async () => {
    const node = await startFake()

    const answer = await ask(node.address, request)

    expect(answer).toMatchObject({$case: 'errorResponse', value: {errorCode}})
  })
}
