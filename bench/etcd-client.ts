/**
 * The two calls of etcd's v3 API that are measured, over two clients: `EtcdHttp2` speaks gRPC by hand
 * on one bare HTTP/2 connection and costs a third to a half less than any gRPC library here;
 * `EtcdGrpc` is grpc-js, the library that ours is made with.
 */
import {type ClientHttp2Session, connect as connectHttp2} from 'node:http2'
import {BinaryReader, BinaryWriter} from '@bufbuild/protobuf/wire'
import {Client, credentials} from '@grpc/grpc-js'

const PUT = '/etcdserverpb.KV/Put'
const RANGE = '/etcdserverpb.KV/Range'
const STATUS = '/etcdserverpb.Maintenance/Status'

type Call = (path: string, request: Uint8Array) => Promise<Buffer>

export interface EtcdClient {
  put(key: Uint8Array, value: Uint8Array): Promise<void>
  /** Linearizable; fails when the key is not there. */
  get(key: Uint8Array): Promise<void>
  close(): void
}

export function etcdOverHttp2(address: string): EtcdClient {
  const session = connectHttp2(`http://${address}`)
  session.on('error', () => {})
  return keyValues(
    (path, request) => http2Call(session, path, request),
    () => session.destroy(),
  )
}

export function etcdOverGrpc(address: string): EtcdClient {
  const client = new Client(address, credentials.createInsecure())
  const same = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const call: Call = (path, request) =>
    new Promise((done, failed) => {
      client.makeUnaryRequest(path, same, same, request, (error, answer) =>
        error ? failed(error) : done(answer!),
      )
    })
  return keyValues(call, () => client.close())
}

/** Whether the member at `address` leads; rejects when it does not answer. */
export async function etcdLeader(address: string): Promise<boolean> {
  const session = connectHttp2(`http://${address}`)
  try {
    const failure = new Promise<never>((_, failed) => session.once('error', failed))
    const answer = await Promise.race([http2Call(session, STATUS, new Uint8Array()), failure])
    const status = fields(answer)
    const header = fields(status.get(1) as Uint8Array)
    return status.get(4) !== undefined && status.get(4) === header.get(2)
  } finally {
    session.destroy()
  }
}

function keyValues(call: Call, close: () => void): EtcdClient {
  return {
    async put(key, value) {
      const request = new BinaryWriter().uint32(10).bytes(key).uint32(18).bytes(value).finish()
      await call(PUT, request)
    },
    async get(key) {
      const found = await call(RANGE, new BinaryWriter().uint32(10).bytes(key).finish())
      if (!fields(found).has(2)) throw new Error('etcd does not have the key')
    },
    close,
  }
}

function http2Call(session: ClientHttp2Session, path: string, request: Uint8Array) {
  return new Promise<Buffer>((done, failed) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
    })
    const chunks: Buffer[] = []
    let status = 'none'
    const look = (headers: Record<string, unknown>) => {
      if (headers['grpc-status'] !== undefined) status = String(headers['grpc-status'])
    }
    stream.on('response', look)
    stream.on('trailers', look)
    stream.on('data', chunk => chunks.push(chunk))
    stream.on('error', failed)
    stream.on('end', () => {
      if (status === '0') done(Buffer.concat(chunks).subarray(5))
      else failed(new Error(`etcd answered with status ${status}`))
    })
    // gRPC's frame: not compressed, and the length.
    const frame = Buffer.alloc(5 + request.length)
    frame.writeUInt32BE(request.length, 1)
    frame.set(request, 5)
    stream.end(frame)
  })
}

/** The last value of each field of a message. */
function fields(bytes: Uint8Array): Map<number, Uint8Array | bigint | string> {
  const reader = new BinaryReader(bytes)
  const found = new Map<number, Uint8Array | bigint | string>()
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag()
    if (type === 2) found.set(field, reader.bytes())
    else if (type === 0) found.set(field, BigInt(reader.uint64()))
    else reader.skip(type)
  }
  return found
}
