/** `snapshot restore --endpoint`: pristine nodes become the voters of a new cluster that holds a snapshot. */
import {createHash} from 'node:crypto'
import type {ClusterClient} from '../client/cluster-client.js'
import type {ClusterStatus, NodeStatus} from '../client/types.js'
import {RaftctlError} from '../errors.js'
import type {Membership} from '../raft/membership.js'
import {type NodeId, nodeId} from '../raft/types.js'
import type {FileSystem} from '../storage/file-system.js'
import {NodeFileSystem} from '../storage/node-file-system.js'
import {verifySnapshotFile} from '../storage/snapshot-file.js'
import type {SnapshotHeader} from '../storage/snapshot-format.js'
import {checkAdvertised, checkDistinct, clusterOf, nameTaken, votersOf} from './initialise-nodes.js'
import {checkContent, existingFile, sha256Of} from './snapshot-files.js'
import {waitUntil} from './wait-until.js'

/** Checking or unpacking a file of many gigabytes takes its time. */
const NODE_WORK_MS = 3_600_000
const PIECE_BYTES = 256 * 1024
/** The upload, the snapshot, and the state that is built from it lie side by side for a while. */
const SPACE_FACTOR = 4

export interface RestoredNodes {
  /** False: these nodes were that cluster already. */
  readonly changed: boolean
  readonly clusterId: string
  readonly index: number
  readonly term: number
  readonly keys: number
  readonly sessions: number
  readonly sha256: string
  /** Of the cluster that the snapshot was taken from. */
  readonly fromClusterId: string
  readonly nodes: readonly {readonly nodeId: number; readonly address: string}[]
  readonly status: ClusterStatus
}

export interface RestoreNodesOptions {
  readonly actor: string
  /** Until a leader is there. */
  readonly timeoutMs: number
  /** The cluster that the wanted name stands for already; these nodes must be it. */
  readonly taken?: string | undefined
  readonly onStep?: ((text: string) => void) | undefined
  /** From here on nodes change, one by one. */
  readonly onJoining?: (() => void) | undefined
}

/** The file, as it was checked here. */
interface Source {
  readonly path: string
  readonly header: SnapshotHeader
  readonly sizeBytes: number
  readonly sha256: string
}

/**
 * Everything is checked first: every record of the file here, then on each node, which stays pristine
 * until all of them hold the file. Then they join, in the order given. The cluster's id follows from the
 * file and the nodes' stores: run again after it was cut short, it completes what it began.
 *
 * RAFTCTL_FILE_NOT_FOUND, RAFTCTL_DATA_DAMAGED, RAFTCTL_NOT_PRISTINE, RAFTCTL_UNREACHABLE,
 * RAFTCTL_DISK_FULL: nothing has changed. RAFTCTL_REFUSED: begun, and can't be completed.
 */
export async function restoreIntoNodes(
  client: ClusterClient,
  path: string,
  endpoints: readonly string[],
  {actor, timeoutMs, taken, onStep, onJoining}: RestoreNodesOptions,
): Promise<RestoredNodes> {
  onStep?.('reading the snapshot')
  const fs = new NodeFileSystem()
  const file = existingFile(path)
  const {header, bytes: sizeBytes} = await verifySnapshotFile(fs, file)
  const counts = await checkContent(fs, file)
  const source = {path: file, header, sizeBytes, sha256: await sha256Of(fs, file)}

  const nodes = await Promise.all(endpoints.map(endpoint => client.nodeStatus(endpoint)))
  checkDistinct(nodes)
  for (const node of nodes) checkAdvertised(node)
  const begun = nodes.find(({clusterId}) => clusterId !== '')
  const places = begun === undefined ? newPlaces(nodes) : begunPlaces(nodes, begun, source)
  const clusterId = clusterIdOf(source, places)
  if (begun !== undefined && clusterOf(nodes) !== clusterId) throw otherCluster(begun)
  if (taken !== undefined && taken !== clusterId) throw nameTaken(taken)

  const waiting = nodes.filter(node => node.clusterId === '')
  for (const node of waiting) checkSpace(node, sizeBytes)
  await upload(client, fs, source, waiting, onStep)
  if (waiting.length > 0) onJoining?.()
  const membership =
    begun === undefined ? membershipOf(places, source, actor) : {of: begun.endpoint}
  const joined: string[] = []
  for (const {endpoint, storeId} of waiting) {
    onStep?.(`restoring ${endpoint}`)
    const {id} = places.find(place => place.storeId === storeId)!
    const plan = {clusterId, nodeId: id, storeId, sha256: source.sha256, membership}
    await client.joinRestored(endpoint, plan, NODE_WORK_MS).catch(error => {
      throw halfWay(error, clusterId, endpoint, joined)
    })
    joined.push(endpoint)
  }
  onStep?.('waiting for a leader')
  await waitUntil(client, {kind: 'leader'}, {timeoutMs})
  const {index, term, clusterId: fromClusterId} = header
  return {
    changed: waiting.length > 0,
    clusterId,
    index,
    term,
    ...counts,
    sha256: source.sha256,
    fromClusterId,
    nodes: places.map(({id, address}) => ({nodeId: id, address})),
    status: await client.clusterStatus(),
  }
}

interface Place {
  readonly id: NodeId
  readonly name: string
  readonly address: string
  readonly storeId: string
}

/** Ids follow the order given. */
function newPlaces(nodes: readonly NodeStatus[]): Place[] {
  return votersOf(nodes).map(({name, address}, i) => ({
    id: nodeId(i + 1),
    name,
    address,
    storeId: nodes[i]!.storeId,
  }))
}

/** A membership binds ids to stores: it can only be completed with the nodes that it was begun with. */
function begunPlaces(
  nodes: readonly NodeStatus[],
  begun: NodeStatus,
  {header}: Source,
): readonly Place[] {
  clusterOf(nodes)
  const {membership, endpoint} = begun
  const places = membership.members.map(member => ({...member, id: nodeId(member.id)}))
  const stranger = nodes.find(({storeId}) => !places.some(place => place.storeId === storeId))
  const isFirst = membership.index === header.membership.index
  if (isFirst && stranger === undefined && places.length === nodes.length) return places
  if (stranger === undefined || stranger.clusterId !== '') throw otherCluster(begun)
  throw new RaftctlError(
    'RAFTCTL_REFUSED',
    `${stranger.endpoint} is not the node that ${endpoint} has begun cluster ${begun.clusterId} with`,
    {
      hint:
        'Where that cluster leads, give this node its place with "raftctl member replace". Where it ' +
        'does not, empty the data directories of its nodes and begin anew.',
      details: {endpoint: stranger.endpoint, clusterId: begun.clusterId},
    },
  )
}

/** The same file on the same stores, each in its place, is the same cluster; nobody else can have that id. */
function clusterIdOf({sha256}: Source, places: readonly Place[]): string {
  const stores = places.map(({id, storeId}) => `${id} ${storeId}`).sort()
  return createHash('sha256')
    .update([sha256, ...stores].join('\n'))
    .digest('hex')
    .slice(0, 32)
}

function membershipOf(places: readonly Place[], {header}: Source, actor: string): Membership {
  return {
    index: header.membership.index,
    members: places.map(place => ({...place, promoteWhenReady: false})),
    voters: places.map(({id}) => id),
    votersOutgoing: [],
    learners: [],
    learnersNext: [],
    observers: [],
    target: undefined,
    nextMemberId: places.length + 1,
    origin: {timeMs: Date.now(), actor, reason: `restored from cluster ${header.clusterId}`},
  }
}

/** To all at once; none of them changes. */
async function upload(
  client: ClusterClient,
  fs: FileSystem,
  {path, sizeBytes, sha256}: Source,
  nodes: readonly NodeStatus[],
  onStep: ((text: string) => void) | undefined,
): Promise<void> {
  const sent = nodes.map(() => 0)
  const uploads = nodes.map(async ({endpoint}, i) => {
    const held = await client.uploadSnapshot(endpoint, {
      sizeBytes,
      pieces: piecesOf(fs, path),
      checkMs: NODE_WORK_MS,
      onBytes: done => {
        sent[i] = done
        const all = sent.reduce((sum, each) => sum + each, 0)
        onStep?.(`sending ${all} of ${sizeBytes * nodes.length} bytes`)
      },
    })
    if (held.sha256 === sha256) return
    throw new RaftctlError('RAFTCTL_DATA_DAMAGED', `${endpoint} holds other bytes than were sent`, {
      hint: 'Try again; look after the network between here and there.',
    })
  })
  const results = await Promise.allSettled(uploads)
  for (const result of results) if (result.status === 'rejected') throw result.reason
}

async function* piecesOf(fs: FileSystem, path: string): AsyncGenerator<Uint8Array> {
  const file = fs.open(path, 'read')
  try {
    for (let at = 0; ; ) {
      const piece = new Uint8Array(PIECE_BYTES)
      const count = file.read(piece, at)
      if (count === 0) return
      yield piece.subarray(0, count)
      at += count
    }
  } finally {
    file.close()
  }
}

function checkSpace({endpoint, diskFreeBytes}: NodeStatus, sizeBytes: number): void {
  const needed = SPACE_FACTOR * sizeBytes
  if (diskFreeBytes === null || diskFreeBytes >= needed) return
  throw new RaftctlError(
    'RAFTCTL_DISK_FULL',
    `${endpoint} has ${diskFreeBytes} bytes free; to restore ${sizeBytes} it needs ${needed}`,
    {hint: 'Free some space there, or restore into another node.', details: {endpoint, needed}},
  )
}

function halfWay(
  cause: unknown,
  clusterId: string,
  endpoint: string,
  joined: readonly string[],
): unknown {
  if (!(cause instanceof RaftctlError)) return cause
  const others = joined.length === 0 ? 'no node' : joined.join(', ')
  return new RaftctlError(
    cause.code,
    `${endpoint} did not join cluster ${clusterId}, ${others} did: ${cause.message}`,
    {
      hint: 'Run the same command again: it completes what it began.',
      details: {...cause.details, clusterId, endpoint, joined},
      cause,
    },
  )
}

function otherCluster({endpoint, clusterId}: NodeStatus): RaftctlError {
  return new RaftctlError(
    'RAFTCTL_NOT_PRISTINE',
    `${endpoint} belongs to cluster ${clusterId}, which is another than this file would make`,
    {hint: 'Give every node an empty data directory.', details: {endpoint, clusterId}},
  )
}
