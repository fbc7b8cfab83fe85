export type Severity = 'error' | 'warning'

export interface Finding {
  readonly check: string
  readonly severity: Severity
  /** What an error ends with: 10, or 11 without leader or quorum, or 14 for divergence. */
  readonly exit: 10 | 11 | 14
  readonly memberId: number | null
  readonly problem: string
  readonly why: string
  readonly remedy: string
}
