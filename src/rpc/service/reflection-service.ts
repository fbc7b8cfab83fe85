/**
 * The standard reflection service, from the descriptors that the generator leaves beside the code.
 * Tools that know only its older version find it under that name too: the messages are the same.
 */

import type {DescriptorProto, FileDescriptorProto} from '@bufbuild/protobuf/wkt'
import * as grpc from '@grpc/grpc-js'
import {DESCRIPTORS} from '../gen/descriptors.js'
import type {
  ServerReflectionRequest,
  ServerReflectionResponse,
} from '../gen/grpc/reflection/v1/reflection.js'
import {ServerReflectionService} from '../gen/grpc/reflection/v1/reflection.js'
import {responseStream, type ServiceEntry} from '../handler.js'

type Answer = ServerReflectionResponse['messageResponse']
type Call = grpc.ServerDuplexStream<ServerReflectionRequest, ServerReflectionResponse>

/** Every .proto file and where each name is declared; read at the first question. */
interface Index {
  readonly files: ReadonlyMap<string, {readonly bytes: Buffer; readonly imports: readonly string[]}>
  readonly fileOf: ReadonlyMap<string, string>
}

let indexed: Promise<Index> | undefined

/** `served`: the services of this server. */
export function reflectionServices(served: readonly ServiceEntry[]): ServiceEntry[] {
  const current = ServerReflectionService
  const method = current.serverReflectionInfo
  const path = '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo'
  const older: grpc.ServiceDefinition = {serverReflectionInfo: {...method, path}}
  const names = [...served.map(nameOf), 'grpc.reflection.v1.ServerReflection']
  const handlers = {serverReflectionInfo: (call: Call) => void answerAll(call, names)}
  return [
    {definition: current, handlers},
    {definition: older, handlers},
  ]
}

async function answerAll(call: Call, names: readonly string[]): Promise<void> {
  const answers = responseStream<ServerReflectionResponse>(call)
  try {
    for await (const request of call as AsyncIterable<ServerReflectionRequest>) {
      indexed ??= readIndex()
      const messageResponse = answerTo(request, await indexed, names)
      const sent = {validHost: request.host, originalRequest: request, messageResponse}
      if (!(await answers.write(sent))) return
    }
    call.end()
  } catch {
    // The caller went away in the middle of a question.
  }
}

function answerTo(
  {messageRequest}: ServerReflectionRequest,
  index: Index,
  names: readonly string[],
): Answer {
  switch (messageRequest?.$case) {
    case 'listServices': {
      const service = names.map(name => ({name}))
      return {$case: 'listServicesResponse', value: {service}}
    }
    case 'fileByFilename':
      return files(messageRequest.value, index)
    case 'fileContainingSymbol':
      return files(index.fileOf.get(messageRequest.value.replace(/^\./, '')), index)
    case 'allExtensionNumbersOfType':
    case 'fileContainingExtension':
      return failure(grpc.status.NOT_FOUND, 'there are no extensions')
    default:
      return failure(grpc.status.INVALID_ARGUMENT, 'the request is empty')
  }
}

/** The file and everything that it imports, each once. */
function files(name: string | undefined, {files: all}: Index): Answer {
  const found = new Map<string, Buffer>()
  const collect = (one: string) => {
    const file = all.get(one)
    if (file === undefined || found.has(one)) return
    found.set(one, file.bytes)
    for (const imported of file.imports) collect(imported)
  }
  if (name !== undefined) collect(name)
  if (found.size === 0) return failure(grpc.status.NOT_FOUND, 'there is no such file or symbol')
  return {
    $case: 'fileDescriptorResponse',
    value: {fileDescriptorProto: [...found.values()]},
  }
}

function failure(errorCode: number, errorMessage: string): Answer {
  return {$case: 'errorResponse', value: {errorCode, errorMessage}}
}

async function readIndex(): Promise<Index> {
  const {fromBinary} = await import('@bufbuild/protobuf')
  const {FileDescriptorProtoSchema} = await import('@bufbuild/protobuf/wkt')
  const all = new Map<string, {bytes: Buffer; imports: string[]}>()
  const fileOf = new Map<string, string>()
  for (const [name, base64] of Object.entries(DESCRIPTORS)) {
    const bytes = Buffer.from(base64, 'base64')
    const file = fromBinary(FileDescriptorProtoSchema, bytes)
    all.set(name, {bytes, imports: file.dependency})
    for (const symbol of symbolsOf(file)) fileOf.set(symbol, name)
  }
  return {files: all, fileOf}
}

function symbolsOf(file: FileDescriptorProto): string[] {
  const symbols: string[] = []
  const add = (scope: string, name: string) => {
    symbols.push(`${scope}.${name}`)
    return `${scope}.${name}`
  }
  const addMessage = (scope: string, message: DescriptorProto) => {
    const name = add(scope, message.name)
    for (const {name: field} of [...message.field, ...message.oneofDecl]) add(name, field)
    for (const nested of message.nestedType) addMessage(name, nested)
    for (const {name: nested} of message.enumType) add(name, nested)
  }
  for (const message of file.messageType) addMessage(file.package, message)
  for (const {name} of file.enumType) add(file.package, name)
  for (const service of file.service) {
    const name = add(file.package, service.name)
    for (const {name: method} of service.method) add(name, method)
  }
  return symbols
}

function nameOf({definition}: ServiceEntry): string {
  const [method] = Object.values(definition)
  return method?.path.split('/')[1] ?? ''
}
