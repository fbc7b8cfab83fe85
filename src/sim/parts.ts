/** What nodes, their processes, the network and the clients know of each other. */
import type {StoredValue} from '../kv/records.js'
import type {SnapshotInfo, SnapshotStore} from '../node/ports.js'
import type {NodeRuntime} from '../node/runtime.js'
import type {InstallSnapshot, Message} from '../raft/messages.js'
import {groupId, type NodeId} from '../raft/types.js'
import type {MemoryDisk} from './memory-state-machine.js'
import type {Random} from './random.js'
import type {SimFileSystem} from './sim-file-system.js'
import type {World} from './world.js'

export const GROUP = groupId(1)
export const CLUSTER_ID = 'simulated'
export const DATA_DIRECTORY = '/data'

/** A node as its processes see it: the machine, which outlasts them. */
export interface Machine {
  readonly id: NodeId
  readonly world: World
  readonly network: Carrier
  readonly fs: SimFileSystem
  readonly state: MemoryDisk
  /** The founding membership's record; undefined for a member that was added later. */
  readonly firstRecord: Uint8Array | undefined
  readonly random: Random
  /** This clock's second against the world's. */
  readonly clockRate: number
  readonly wallOffsetMs: number
  readonly isPaused: boolean
  readonly isDiskLow: boolean
  /** Told that it is no member any more: it is not started again. */
  isRemoved: boolean
  /** Runs something in the process of now, when no pause is in its way; never in another process. */
  run(task: (process: RunningProcess) => void): void
  start(): void
  /** Ends the process at once: `power` takes what the disk had not synced. */
  end(power: boolean): void
}

/** One process of a node; once it is not alive, nothing of it has effect. */
export interface RunningProcess {
  readonly node: Machine
  readonly isAlive: boolean
  readonly runtime: NodeRuntime | undefined
  readonly stateMachine: ReadableState | undefined
  readonly snapshots: SnapshotStore | undefined
  readonly inbox: Inbox
  step(message: Message): void
}

export interface ReadableState {
  get(key: Uint8Array): StoredValue | undefined
  /** Of the whole content: equal for equal states. */
  checksum(): number
}

export interface Carrier {
  send(message: Message): void
  sendSnapshot(sender: RunningProcess, to: NodeId, message: InstallSnapshot): Promise<void>
}

/** Takes snapshot files in pieces; each answers how many bytes are there. */
export interface Inbox {
  open(stream: number, message: InstallSnapshot, info: SnapshotInfo): Promise<number>
  chunk(stream: number, offset: number, data: Uint8Array): Promise<number>
  end(stream: number): Promise<number>
}
