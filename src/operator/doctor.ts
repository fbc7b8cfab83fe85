/** `doctor`: what is wrong with a cluster, why it matters, and what to do. */
import type {ClusterClient} from '../client/cluster-client.js'
import {CHECKS} from './doctor-checks.js'
import {type Evidence, type GatherOptions, gatherEvidence} from './evidence.js'
import type {Finding, Severity} from './finding.js'

export interface CheckResult {
  readonly check: string
  /** What is looked at. */
  readonly about: string
  readonly state: 'ok' | 'warning' | 'error' | 'skipped'
  /** Why it was skipped. */
  readonly note: string | null
}

export interface Diagnosis {
  readonly clusterId: string
  readonly healthy: boolean
  readonly errorCount: number
  readonly warningCount: number
  readonly checks: readonly CheckResult[]
  readonly findings: readonly Finding[]
}

/** Asks every node and examines what they say. See `gatherEvidence` for its errors. */
export async function diagnose(client: ClusterClient, options: GatherOptions): Promise<Diagnosis> {
  return examine(await gatherEvidence(client, options))
}

export function examine(evidence: Evidence): Diagnosis {
  const checks: CheckResult[] = []
  const findings: Finding[] = []
  for (const {check, about, look} of CHECKS) {
    const result = look(evidence)
    if (typeof result === 'string') {
      checks.push({check, about, state: 'skipped', note: result})
      continue
    }
    const found = result.map(finding => ({check, ...finding}))
    findings.push(...found)
    const state = found.some(({severity}) => severity === 'error')
      ? 'error'
      : found.length > 0
        ? 'warning'
        : 'ok'
    checks.push({check, about, state, note: null})
  }
  const errors = findings.filter(({severity}) => severity === 'error')
  return {
    clusterId: evidence.clusterId,
    healthy: errors.length === 0,
    errorCount: errors.length,
    warningCount: findings.length - errors.length,
    checks,
    findings: [...errors, ...findings.filter(({severity}) => severity === 'warning')],
  }
}

/** The highest status of what was found; 0 when nothing counts. */
export function exitOf({findings}: Diagnosis, failOn: Severity): number {
  const counting = findings.map(({severity, exit}) =>
    severity === 'error' ? exit : failOn === 'warning' ? 10 : 0,
  )
  return Math.max(0, ...counting)
}
