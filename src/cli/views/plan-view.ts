import type {MembershipPlan, PlanSide} from '../../operator/membership-plan.js'
import type {View} from '../output.js'
import {shortId} from './status-view.js'

/** Before and after, for whoever is to agree. */
export function planLines(plan: MembershipPlan, context: string | undefined | null): string[] {
  const {before, after} = plan
  const lines = [
    `cluster ${context ?? '-'}  id ${shortId(plan.clusterId)}  membership index ${plan.membershipIndex}`,
    change('voters', before.voterIds, after.voterIds),
    `quorum ${arrow(before.quorum, after.quorum)}  failure tolerance ${tolerances(before, after)}`,
  ]
  if (differs(before.learnerIds, after.learnerIds)) {
    lines.push(change('learners', before.learnerIds, after.learnerIds))
  }
  if (differs(before.observerIds, after.observerIds)) {
    lines.push(change('observers', before.observerIds, after.observerIds))
  }
  if (plan.waitsFor.length > 0) lines.push(`catching up first: ${plan.waitsFor.join(', ')}`)
  if (plan.path === 'joint') lines.push('in one joint change: both majorities decide meanwhile')
  return lines
}

export function planView(
  plan: MembershipPlan,
  context: string | undefined | null,
  force: readonly string[],
): View {
  if (!plan.changed) return {lines: [...planLines(plan, context), 'changes nothing']}
  return {
    lines: [
      ...planLines(plan, context),
      ...plan.refusals.map(({rule, message, forceable}) =>
        forceable && force.includes(rule)
          ? `overridden (${rule}): ${message}`
          : `refused (${rule}${forceable ? ', can be forced' : ''}): ${message}`,
      ),
      ...(plan.refusals.length === 0 ? ['nothing speaks against it'] : []),
    ],
  }
}

function change(what: string, before: readonly number[], after: readonly number[]): string {
  return `${what} ${ids(before)} -> ${ids(after)}`
}

function tolerances(before: PlanSide, after: PlanSide): string {
  const nominal = arrow(before.failureTolerance, after.failureTolerance)
  const now = arrow(before.failureToleranceNow, after.failureToleranceNow)
  return nominal === now ? nominal : `${nominal}  (now ${now})`
}

function arrow(before: number, after: number): string {
  return `${before} -> ${after}`
}

function differs(before: readonly number[], after: readonly number[]): boolean {
  return before.join() !== after.join()
}

function ids(list: readonly number[]): string {
  return list.length === 0 ? 'none' : list.join(',')
}
