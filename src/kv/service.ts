import type {ServerUnaryCall, ServerWritableStream, sendUnaryData} from '@grpc/grpc-js'
import type {NodeHost} from '../node/api.js'
import {toSafeNumber} from '../rpc/codec.js'
import type {
  GetRequest,
  KeyValueServiceServer,
  RangePage,
  RangeRequest,
} from '../rpc/gen/raftctl/v1/kv.js'
import {toServiceError} from '../rpc/status.js'
import {checkKey, encodeCommand} from './command.js'
import {KeyValueNode} from './key-value-node.js'
import {servePipeline} from './pipeline.js'
import type {RangeItem} from './range.js'
import {
  deleteResponse,
  encodeDelete,
  encodePut,
  failureOf,
  getResponse,
  type KeyValueReader,
  putResponse,
  toBuffer,
} from './requests.js'

/**
 * The handlers of KeyValueService. Writes are proposed and answered once applied here; reads wait for
 * a read barrier (thesis §6.4) unless they ask for stale ones.
 */
export function keyValueService(
  host: NodeHost,
  stateMachine: () => KeyValueReader | undefined,
): KeyValueServiceServer {
  const node = new KeyValueNode(host, stateMachine)

  async function get({key, stale}: GetRequest) {
    checkKey(key)
    if (!stale) await node.readBarrier()
    return getResponse(node.state(), key)
  }

  async function openSession() {
    const result = await node.propose(encodeCommand({op: 'open-session'}))
    if (result.kind !== 'session-opened') throw failureOf(result)
    return {sessionId: BigInt(result.sessionId)}
  }

  return {
    put: unary(node, async request => putResponse(await node.propose(encodePut(request)))),
    delete: unary(node, async request => deleteResponse(await node.propose(encodeDelete(request)))),
    get: unary(node, get),
    openSession: unary(node, openSession),
    range: call => {
      // Without a listener the error of a broken stream would end the process.
      call.on('error', () => {})
      serveRange(node, call).catch((error: unknown) =>
        call.emit('error', toServiceError(node.failure(error))),
      )
    },
    pipeline: call => servePipeline(node, call),
  }
}

function unary<Request, Response>(
  node: KeyValueNode,
  answer: (request: Request) => Promise<Response>,
): (call: ServerUnaryCall<Request, Response>, callback: sendUnaryData<Response>) => void {
  return (call, callback) => {
    answer(call.request).then(
      response => callback(null, response),
      (error: unknown) => callback(toServiceError(node.failure(error))),
    )
  }
}

/** Each page is read on its own, so that a slow reader holds no view of the state. */
async function serveRange(
  node: KeyValueNode,
  call: ServerWritableStream<RangeRequest, RangePage>,
): Promise<void> {
  const {start, end, limit, stale, keysOnly} = call.request
  let left = limit === 0n ? Number.MAX_SAFE_INTEGER : toSafeNumber(limit)
  if (!stale) await node.readBarrier()
  let from: Uint8Array | undefined = start
  while (from !== undefined && !call.cancelled && !call.destroyed) {
    const page = node.state().range({start: from, end, itemsMax: left})
    left -= page.items.length
    from = left > 0 ? page.next : undefined
    const items = page.items.map(item => toWireItem(item, keysOnly))
    const more = call.write({items, appliedIndex: BigInt(page.appliedIndex)})
    if (!more) await drained(call)
  }
  call.end()
}

function toWireItem({key, value, version}: RangeItem, keysOnly: boolean) {
  return {
    key: toBuffer(key),
    value: keysOnly ? Buffer.alloc(0) : toBuffer(value),
    version: BigInt(version),
  }
}

/** Also when the stream is over. */
function drained(call: ServerWritableStream<RangeRequest, RangePage>): Promise<void> {
  return new Promise(resolve => {
    const done = () => {
      for (const event of ['drain', 'close', 'cancelled', 'error']) call.off(event, done)
      resolve()
    }
    for (const event of ['drain', 'close', 'cancelled', 'error']) call.on(event, done)
  })
}
