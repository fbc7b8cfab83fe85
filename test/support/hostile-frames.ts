/**
 * What a stranger might send: one "frame" is one thing sent, be it a chunk of random bytes, a request
 * in another protocol, or a gRPC message. From one seed, so that what hurt can be sent again.
 */
import {fromBinary} from '@bufbuild/protobuf'
import {BinaryWriter, WireType} from '@bufbuild/protobuf/wire'
import {
  type DescriptorProto,
  type FieldDescriptorProto,
  FieldDescriptorProto_Label,
  FileDescriptorProtoSchema,
  FieldDescriptorProto_Type as Type,
} from '@bufbuild/protobuf/wkt'
import {DESCRIPTORS} from '../../src/rpc/gen/descriptors.js'

export type Random = () => number

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

export interface Method {
  readonly path: string
  readonly input: DescriptorProto
}

const files = Object.values(DESCRIPTORS).map(base64 =>
  fromBinary(FileDescriptorProtoSchema, Buffer.from(base64, 'base64')),
)
const messages = new Map<string, DescriptorProto>(
  files.flatMap(file =>
    file.messageType.map(message => [`.${file.package}.${message.name}`, message] as const),
  ),
)

/** Of every service of a node. */
export const METHODS: readonly Method[] = files.flatMap(file =>
  file.service.flatMap(service =>
    service.method.map(method => ({
      path: `/${file.package}.${service.name}/${method.name}`,
      input: messages.get(method.inputType)!,
    })),
  ),
)

export function pick<T>(random: Random, from: readonly T[]): T {
  return from[random() % from.length]!
}

export function randomBytes(random: Random, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  for (let i = 0; i < length; i++) bytes[i] = random() & 0xff
  return bytes
}

/** HTTP/2 frames with true headers and random content, after a true preface. */
export function randomHttp2(random: Random): Buffer {
  const parts = [PREFACE, frame(0x4, 0, 0, Buffer.alloc(0))]
  for (let i = random() % 6; i >= 0; i--) {
    const payload = randomBytes(random, random() % 64)
    parts.push(frame(random() % 12, random() & 0xff, random() % 8, payload))
  }
  return Buffer.concat(parts)
}

function frame(kind: number, flags: number, stream: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(9)
  header.writeUIntBE(payload.length, 0, 3)
  header[3] = kind
  header[4] = flags
  header.writeUInt32BE(stream, 5)
  return Buffer.concat([header, payload])
}

/** A gRPC message with a length that may lie. */
export function framed(random: Random, message: Buffer): Buffer {
  const header = Buffer.alloc(5)
  const lies = random() % 8 === 0
  header[0] = random() % 16 === 0 ? random() & 0xff : 0
  header.writeUInt32BE(lies ? pick(random, [0, 1, 0xffffffff, 9 << 20, 5]) : message.length, 1)
  return Buffer.concat([header, message])
}

/** Well-formed, and with values that nobody means. */
export function hostileMessage(random: Random, type: DescriptorProto, depth = 0): Buffer {
  const writer = new BinaryWriter()
  for (const field of type.field) {
    const repeated = field.label === FieldDescriptorProto_Label.REPEATED
    const count = repeated ? pick(random, [0, 1, 2, 40]) : random() % 3 === 0 ? 0 : 1
    for (let i = 0; i < count; i++) writeField(random, writer, field, depth)
  }
  if (random() % 8 === 0) writer.raw(randomBytes(random, random() % 24))
  return Buffer.from(writer.finish())
}

const NUMBERS = [0n, 1n, 2n, 7n, 255n, 1n << 31n, (1n << 53n) - 1n, 1n << 53n, (1n << 64n) - 1n]
const TEXTS = ['', 'x', '0', '127.0.0.1:1', '../../etc/passwd', 'voter', '1-1', '\u0000', '💥']

function writeField(
  random: Random,
  writer: BinaryWriter,
  {number, type, typeName}: FieldDescriptorProto,
  depth: number,
): void {
  const bytes = (value: Uint8Array) => writer.tag(number, WireType.LengthDelimited).bytes(value)
  switch (type) {
    case Type.MESSAGE:
      if (depth < 6) bytes(hostileMessage(random, messages.get(typeName)!, depth + 1))
      break
    case Type.STRING: {
      const long = random() % 20 === 0
      bytes(Buffer.from(long ? 'y'.repeat(random() % 70_000) : pick(random, TEXTS)))
      break
    }
    case Type.BYTES:
      bytes(randomBytes(random, random() % 10 === 0 ? random() % 5000 : random() % 40))
      break
    case Type.DOUBLE:
      writer.tag(number, WireType.Bit64).double(pick(random, [0, Number.NaN, -1, 1e308]))
      break
    default:
      writer.tag(number, WireType.Varint).uint64(pick(random, NUMBERS))
  }
}
