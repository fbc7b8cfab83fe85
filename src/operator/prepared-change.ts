/** A change in two halves: looked at and planned, then, if whoever asked agrees, carried out. */
import type {ClusterClient} from '../client/cluster-client.js'
import type {ClusterStatus} from '../client/types.js'
import {RaftctlError} from '../errors.js'
import type {CatchUp} from './catch-up.js'
import type {MembershipPlan} from './membership-plan.js'

export interface CarryOut {
  readonly reason?: string | undefined
  /** Names of rules that may be overridden. */
  readonly force?: readonly string[] | undefined
  /** How long learners may take to catch up; undefined: no limit. */
  readonly waitMs?: number | undefined
  /** Before a change is sent: from then on an interruption leaves something behind. */
  readonly onSend?: (() => void) | undefined
  /** Before a node with this store is written into the membership. */
  readonly onAdmit?: ((storeId: string) => void) | undefined
  readonly onProgress?: ((catchUp: CatchUp) => void) | undefined
  readonly onStep?: ((text: string) => void) | undefined
}

export interface PreparedChange<Result> {
  /** As it is; the plan was made of it. */
  readonly status: ClusterStatus
  readonly plan: MembershipPlan
  /** Only after `enforce(plan)`. Compares and sets the membership that was planned with. */
  run(client: ClusterClient, options: CarryOut): Promise<Result>
}

/** RAFTCTL_COMPARE_FAILED when the membership is not the one that the caller has seen. */
export function expectIndex({plan}: {plan: MembershipPlan}, expected: number | undefined): void {
  // What is in force already is what a repeated command finds: nothing is to be compared.
  if (expected === undefined || !plan.changed || plan.membershipIndex === expected) return
  throw membershipMoved(plan.membershipIndex, expected)
}

export function membershipMoved(index: number, expected: number): RaftctlError {
  return new RaftctlError(
    'RAFTCTL_COMPARE_FAILED',
    `the membership is of index ${index}, not ${expected}`,
    {hint: 'Look at "raftctl member list" and try again.', details: {index, expected}},
  )
}
