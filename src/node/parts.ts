import type {RandomSource} from '../raft/config.js'
import type {Message} from '../raft/messages.js'
import type {GroupId, NodeId} from '../raft/types.js'
import type {Clock, Disk, DurableLog, SnapshotStore, StateMachine, Transport} from './ports.js'
import type {NodeSettings} from './settings.js'

export interface RuntimeParts {
  readonly nodeId: NodeId
  readonly groupId: GroupId
  readonly settings: NodeSettings
  readonly random: RandomSource
  readonly clock: Clock
  readonly transport: Transport
  readonly log: DurableLog
  readonly stateMachine: StateMachine
  readonly snapshots: SnapshotStore
  /** Without it the disk is never low. */
  readonly disk?: Disk
  readonly events: RuntimeEvents
}

export interface RuntimeEvents {
  /** The node can't go on: a broken invariant, a failed write. It has stopped already. */
  failed(error: unknown): void
  /** The group told this node that it is no member any more. It goes on answering until stopped. */
  removed(): void
  /** For the log: one line a role change, an installed snapshot, and the like. */
  note(event: string, fields: Readonly<Record<string, unknown>>): void
  /** Each Raft message, where somebody wants to see them. */
  readonly message?: ((direction: 'sent' | 'received', message: Message) => void) | undefined
}
