/**
 * How many proposals a second does the core alone commit? Three nodes in one process, in memory, every
 * message delivered and every entry applied by all three.
 */
import {RaftNode} from '../src/raft/raft-node.js'
import {mustSync} from '../src/raft/ready.js'
import {groupId, nodeId} from '../src/raft/types.js'
import {MemoryLog} from '../src/storage/memory-log.js'
import {result} from './report.js'

interface Peer {
  readonly raft: RaftNode
  readonly log: MemoryLog
  applied: number
}

function makeCluster(): Peer[] {
  const voters = [1, 2, 3].map(nodeId)
  return voters.map(id => {
    const log = new MemoryLog()
    let state = id * 7919
    const random = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return state
    }
    const timing = {electionTicks: 10, heartbeatTicks: 2}
    return {
      raft: new RaftNode({nodeId: id, groupId: groupId(1), voters, random, ...timing}, log),
      log,
      applied: 0,
    }
  })
}

/** Takes Readys and delivers messages until nothing is left to do. */
function run(peers: readonly Peer[]): void {
  let busy = true
  while (busy) {
    busy = false
    for (const peer of peers) {
      for (let ready = peer.raft.takeReady(); ready; ready = peer.raft.takeReady()) {
        busy = true
        for (const message of ready.sendNow) peers[message.to - 1]!.raft.step(message)
        if (mustSync(ready)) {
          const {hardState, entries} = ready
          peer.log.appendNow({reset: undefined, hardState, entries})
        }
        peer.raft.advancePersisted(ready.number)
        for (const message of ready.sendAfterSync) peers[message.to - 1]!.raft.step(message)
        const last = ready.committedEntries.at(-1)
        if (!last) continue
        peer.applied += ready.committedEntries.length
        peer.raft.advanceApplied(last.index)
      }
    }
  }
}

function measure(batch: number, proposals: number): number {
  const peers = makeCluster()
  peers[0]!.raft.campaign()
  run(peers)
  const data = new Uint8Array(16)
  const startMs = performance.now()
  for (let done = 0; done < proposals; done += batch) {
    for (let i = 0; i < batch; i++) peers[0]!.raft.propose(data)
    run(peers)
    if (done % 65536 === 0) for (const {raft, log} of peers) void log.compact(raft.lastApplied)
  }
  const seconds = (performance.now() - startMs) / 1000
  for (const {applied} of peers) {
    if (applied < proposals) throw new Error(`only ${applied} of ${proposals} were applied`)
  }
  return proposals / seconds
}

for (const batch of [64, 1]) {
  const proposals = batch === 1 ? 200_000 : 1_000_000
  measure(batch, proposals / 10)
  const runs = [1, 2, 3].map(() => measure(batch, proposals)).sort((a, b) => a - b)
  const [min, median, max] = runs.map(Math.round)
  const load = {bench: 'core', nodes: 3, batch, entryBytes: 16, unit: 'proposals/s'}
  result({...load, min, median, max})
}
