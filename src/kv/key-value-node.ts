import type {NodeHost, ProposalWaiter} from '../node/api.js'
import type {LogIndex} from '../raft/types.js'
import {
  type KeyValueHistory,
  type KeyValueReader,
  notInitialised,
  runtimeOf,
  withLeader,
} from './requests.js'
import type {CommandResult} from './state.js'

/** What all handlers of one node share. */
export class KeyValueNode {
  readonly #host: NodeHost
  readonly #stateMachine: () => (KeyValueReader & KeyValueHistory) | undefined

  constructor(host: NodeHost, stateMachine: () => (KeyValueReader & KeyValueHistory) | undefined) {
    this.#host = host
    this.#stateMachine = stateMachine
  }

  async propose(data: Uint8Array): Promise<CommandResult> {
    const {result} = await runtimeOf(this.#host).propose(data)
    return result as CommandResult
  }

  /** The same, with the index of the entry. */
  async proposeAt(data: Uint8Array): Promise<{index: LogIndex; result: CommandResult}> {
    const {index, result} = await runtimeOf(this.#host).propose(data)
    return {index, result: result as CommandResult}
  }

  submit(data: Uint8Array, waiter: ProposalWaiter): void {
    const {runtime} = this.#host
    if (runtime === undefined) waiter.failed(notInitialised(this.#host))
    else runtime.submit(data, waiter)
  }

  async readBarrier(): Promise<void> {
    await runtimeOf(this.#host).readBarrier()
  }

  /** Throws RAFTCTL_NOT_INITIALISED on a pristine node. */
  state(): KeyValueReader & KeyValueHistory {
    const state = this.#stateMachine()
    if (state === undefined) throw notInitialised(this.#host)
    return state
  }

  /** Whether this node knows a leader, be it itself. */
  get isLed(): boolean {
    return this.#host.runtime?.status().leaderId !== undefined
  }

  failure(error: unknown): unknown {
    return withLeader(error, this.#host)
  }
}
