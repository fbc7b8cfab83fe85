/**
 * Every failure a user can meet: its exit status, its gRPC status, and whether the same call may be
 * tried again as it is. Codes are public: add freely, never rename or reuse.
 */
export interface ErrorSpec {
  readonly exit: number
  readonly grpc: keyof typeof GRPC_STATUS
  readonly retry: boolean
}

/** The numbers of the gRPC specification, for the statuses that the table uses. */
export const GRPC_STATUS = {
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const

export const ERRORS = {
  RAFTCTL_UNEXPECTED: {exit: 1, grpc: 'INTERNAL', retry: false},
  RAFTCTL_INPUT_OUTPUT: {exit: 1, grpc: 'INTERNAL', retry: false},
  RAFTCTL_DISK_FULL: {exit: 1, grpc: 'RESOURCE_EXHAUSTED', retry: false},
  RAFTCTL_PORT_IN_USE: {exit: 1, grpc: 'INTERNAL', retry: false},
  RAFTCTL_DIRECTORY_IN_USE: {exit: 1, grpc: 'INTERNAL', retry: false},
  RAFTCTL_NODE_STOPPED: {exit: 1, grpc: 'UNAVAILABLE', retry: false},

  RAFTCTL_USAGE: {exit: 2, grpc: 'INVALID_ARGUMENT', retry: false},
  RAFTCTL_TOO_LARGE: {exit: 2, grpc: 'INVALID_ARGUMENT', retry: false},

  RAFTCTL_NO_LEADER: {exit: 11, grpc: 'UNAVAILABLE', retry: true},
  RAFTCTL_NOT_LEADER: {exit: 11, grpc: 'UNAVAILABLE', retry: true},
  RAFTCTL_NO_QUORUM: {exit: 11, grpc: 'UNAVAILABLE', retry: true},
  RAFTCTL_OVERLOADED: {exit: 11, grpc: 'RESOURCE_EXHAUSTED', retry: true},
  RAFTCTL_DISK_LOW: {exit: 11, grpc: 'RESOURCE_EXHAUSTED', retry: true},

  RAFTCTL_REFUSED: {exit: 12, grpc: 'FAILED_PRECONDITION', retry: false},
  RAFTCTL_LEARNER_LAGS: {exit: 12, grpc: 'FAILED_PRECONDITION', retry: false},
  RAFTCTL_CLUSTER_EXISTS: {exit: 12, grpc: 'ALREADY_EXISTS', retry: false},
  RAFTCTL_NOT_PRISTINE: {exit: 12, grpc: 'FAILED_PRECONDITION', retry: false},
  RAFTCTL_OTHER_CLUSTER_DATA: {exit: 12, grpc: 'FAILED_PRECONDITION', retry: false},
  RAFTCTL_MEMBER_REMOVED: {exit: 12, grpc: 'FAILED_PRECONDITION', retry: false},
  RAFTCTL_BLANK_DATA: {exit: 12, grpc: 'FAILED_PRECONDITION', retry: false},

  RAFTCTL_OUTCOME_UNKNOWN: {exit: 13, grpc: 'UNKNOWN', retry: false},

  RAFTCTL_DATA_DAMAGED: {exit: 14, grpc: 'DATA_LOSS', retry: false},
  RAFTCTL_FORMAT_NEWER: {exit: 14, grpc: 'DATA_LOSS', retry: false},
  RAFTCTL_DIVERGED: {exit: 14, grpc: 'DATA_LOSS', retry: false},

  RAFTCTL_UNREACHABLE: {exit: 15, grpc: 'UNAVAILABLE', retry: true},
  RAFTCTL_NOT_INITIALISED: {exit: 15, grpc: 'UNAVAILABLE', retry: true},

  RAFTCTL_NOT_AUTHENTICATED: {exit: 16, grpc: 'UNAUTHENTICATED', retry: false},
  RAFTCTL_NOT_AUTHORISED: {exit: 16, grpc: 'PERMISSION_DENIED', retry: false},
  RAFTCTL_NOT_TRUSTED: {exit: 16, grpc: 'UNAUTHENTICATED', retry: false},
  RAFTCTL_WRONG_CLUSTER: {exit: 16, grpc: 'PERMISSION_DENIED', retry: false},
  RAFTCTL_WRONG_STORE: {exit: 16, grpc: 'PERMISSION_DENIED', retry: false},

  RAFTCTL_MEMBER_NOT_FOUND: {exit: 17, grpc: 'NOT_FOUND', retry: false},
  RAFTCTL_KEY_NOT_FOUND: {exit: 17, grpc: 'NOT_FOUND', retry: false},
  RAFTCTL_SNAPSHOT_NOT_FOUND: {exit: 17, grpc: 'NOT_FOUND', retry: false},
  RAFTCTL_LOG_COMPACTED: {exit: 17, grpc: 'OUT_OF_RANGE', retry: false},
  RAFTCTL_INDEX_NOT_FOUND: {exit: 17, grpc: 'OUT_OF_RANGE', retry: false},

  RAFTCTL_TIMED_OUT: {exit: 18, grpc: 'DEADLINE_EXCEEDED', retry: true},

  RAFTCTL_CLUSTER_NOT_FOUND: {exit: 19, grpc: 'NOT_FOUND', retry: false},
  RAFTCTL_CONTEXT_NOT_FOUND: {exit: 19, grpc: 'NOT_FOUND', retry: false},
  RAFTCTL_FILE_NOT_FOUND: {exit: 19, grpc: 'NOT_FOUND', retry: false},

  RAFTCTL_CHANGE_IN_FLIGHT: {exit: 20, grpc: 'ABORTED', retry: true},
  RAFTCTL_COMPARE_FAILED: {exit: 20, grpc: 'ABORTED', retry: true},
  RAFTCTL_SESSION_EXPIRED: {exit: 20, grpc: 'ABORTED', retry: false},

  RAFTCTL_INTERRUPTED: {exit: 130, grpc: 'UNKNOWN', retry: false},
} as const satisfies Record<string, ErrorSpec>

export type ErrorCode = keyof typeof ERRORS

/** Whether anything may have changed: `none` nothing did, `unknown` a change was sent. */
export type Outcome = 'none' | 'unknown'

export interface ErrorExtras {
  /** What to do next: one sentence, with the command to type. */
  readonly hint?: string
  /** host:port of the leader, where one is known. */
  readonly leader?: string
  /** Figures for scripts; shown under `details` with `--json`. */
  readonly details?: Readonly<Record<string, unknown>>
  readonly cause?: unknown
}

/** An operational failure: a code of the table, a sentence, and a hint. */
export class RaftctlError extends Error {
  override readonly name = 'RaftctlError'
  readonly code: ErrorCode
  readonly hint: string | undefined
  readonly leader: string | undefined
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, extras: ErrorExtras = {}) {
    super(message, extras.cause === undefined ? undefined : {cause: extras.cause})
    this.code = code
    this.hint = extras.hint
    this.leader = extras.leader
    this.details = extras.details ?? {}
  }

  get spec(): ErrorSpec {
    return ERRORS[this.code]
  }

  get outcome(): Outcome {
    return this.code === 'RAFTCTL_OUTCOME_UNKNOWN' ? 'unknown' : 'none'
  }
}

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code)
}
