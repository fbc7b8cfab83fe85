import type {ServerUnaryCall, ServerWritableStream, sendUnaryData} from '@grpc/grpc-js'
import {RaftctlError} from '../errors.js'
import type {NodeHost} from '../node/api.js'
import {toSafeNumber} from '../rpc/codec.js'
import type {
  GetRequest,
  HashResponse,
  KeyValueServiceServer,
  RangePage,
  RangeRequest,
  WatchPage,
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
  type KeyValueHistory,
  type KeyValueReader,
  putResponse,
  toBuffer,
} from './requests.js'
import {serveWatch} from './watch.js'

/**
 * The handlers of KeyValueService. Writes are proposed and answered once applied here; reads wait for
 * a read barrier (thesis §6.4) unless they ask for stale ones.
 */
export function keyValueService(
  host: NodeHost,
  stateMachine: () => (KeyValueReader & KeyValueHistory) | undefined,
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

  async function checkpoint() {
    const {index, result} = await node.proposeAt(encodeCommand({op: 'checkpoint'}))
    if (result.kind !== 'checkpoint') throw failureOf(result)
    return {index: BigInt(index)}
  }

  return {
    checkpoint: unary(node, checkpoint),
    hash: (call, callback) => {
      const gone = new AbortController()
      call.on('cancelled', () => gone.abort())
      checkpointHash(node, toSafeNumber(call.request.index), gone.signal).then(
        response => callback(null, response),
        (error: unknown) => callback(toServiceError(node.failure(error))),
      )
    },
    watch: call => {
      const gone = new AbortController()
      for (const event of ['error', 'cancelled', 'close']) call.on(event, () => gone.abort())
      const write = async (page: WatchPage) => {
        if (!call.write(page)) await drained(call)
      }
      const watched = {changes: () => node.state().changes, isLed: () => node.isLed}
      serveWatch(watched, call.request, {write, gone: gone.signal}).then(
        () => call.end(),
        (error: unknown) => call.emit('error', toServiceError(node.failure(error))),
      )
    },
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

/** The node may stop meanwhile, and tell nobody. */
const LOOK_AGAIN_MS = 1000

/** Waits until the checkpoint is applied here, or nobody listens. */
async function checkpointHash(
  node: KeyValueNode,
  index: number,
  gone: AbortSignal,
): Promise<HashResponse> {
  while (node.state().appliedIndex < index && !gone.aborted) {
    await node.state().changes.next(gone, LOOK_AGAIN_MS)
  }
  const hash = await node.state().checkpointHash(index)
  if (hash !== undefined) return {index: BigInt(index), hash}
  throw new RaftctlError('RAFTCTL_INDEX_NOT_FOUND', `this node has no hash at index ${index}`, {
    hint: 'It got there by a snapshot, or it was long ago: take another with "raftctl kv hash".',
    details: {index},
  })
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
function drained<Request, Page>(call: ServerWritableStream<Request, Page>): Promise<void> {
  return new Promise(resolve => {
    const done = () => {
      for (const event of ['drain', 'close', 'cancelled', 'error']) call.off(event, done)
      resolve()
    }
    for (const event of ['drain', 'close', 'cancelled', 'error']) call.on(event, done)
  })
}
