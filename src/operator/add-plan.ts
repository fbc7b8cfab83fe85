import type {ClusterClient} from '../client/cluster-client.js'
import type {MemberRole} from '../client/types.js'
import {addMember} from './add-member.js'
import {ledStatus} from './current-status.js'
import type {MemberChange} from './member-change.js'
import {compositionOf, planMembership, without} from './membership-plan.js'
import type {PreparedChange} from './prepared-change.js'

export interface Addition {
  readonly given: string | undefined
  /** Where the new node listens, where none was given; asked for only when it is carried out. */
  readonly address: () => Promise<string>
  readonly role: MemberRole
  readonly name: string | undefined
  /** The leader promotes it by itself once it has caught up. */
  readonly noWait: boolean
}

/** An addition, planned. See `addMember`, which also finds out whether the node is one already. */
export async function prepareAddition(
  client: ClusterClient,
  {given, address, role, name, noWait}: Addition,
): Promise<PreparedChange<MemberChange>> {
  const status = await ledStatus(client)
  const now = compositionOf(status)
  const known = status.members.find(member => member.address === given)
  const id = known?.id ?? status.nextMemberId
  const asMember = (ids: readonly number[]) => [...without(ids, id), id]
  // Who votes already is not made less by an addition.
  const votes = now.voters.includes(id)
  const plan = planMembership(status, {
    what: given === undefined ? 'adding a node' : `adding ${given}`,
    voters: role === 'voter' ? asMember(now.voters) : now.voters,
    learners: role === 'learner' && !votes ? asMember(now.learners) : without(now.learners, id),
    observers: role === 'observer' && !votes ? asMember(now.observers) : now.observers,
    joining: votes ? [] : [id],
  })
  return {
    status,
    plan,
    run: async (with_, options) => {
      const at = given ?? (await address())
      options.onStep?.(`looking at ${at}`)
      return addMember(with_, at, {
        ...options,
        name,
        role: noWait ? 'learner' : role,
        promoteWhenReady: noWait,
        expectedIndex: known === undefined ? plan.membershipIndex : undefined,
        onStep: (step, memberId) => options.onStep?.(`member ${memberId} ${step}`),
      })
    },
  }
}
