/**
 * Failures across the wire. A RaftctlError becomes a gRPC status, and travels whole in the trailing
 * metadata beside it; what comes back without that metadata was said by gRPC itself, or by something
 * that is no node of ours.
 */
import * as grpc from '@grpc/grpc-js'
import {type ErrorCode, GRPC_STATUS, isErrorCode, RaftctlError} from '../errors.js'
import {ErrorDetail} from './gen/raftctl/v1/common.js'

export const ERROR_METADATA_KEY = 'raftctl-error-bin'

// Trailing metadata is bounded by the receiver's header limit (16 KiB), base64 included.
const MESSAGE_MAX = 2048
const HINT_MAX = 1024
const DETAILS_MAX = 4096

/** Why a call did not reach a node; under `details.reason` of RAFTCTL_UNREACHABLE. */
export type UnreachableReason =
  | 'name-not-found'
  | 'refused'
  | 'no-route'
  | 'not-a-node'
  | 'reset'
  | 'unknown'

/**
 * What a handler answers when it fails. Anything but a RaftctlError is a bug: it keeps its sentence
 * and loses its stack.
 */
export function toServiceError(error: unknown): grpc.ServiceError {
  const known = error instanceof RaftctlError ? error : unexpected(error)
  const message = clip(known.message, MESSAGE_MAX)
  const metadata = new grpc.Metadata()
  const detail = ErrorDetail.encode({
    code: known.code,
    message,
    hint: clip(known.hint ?? '', HINT_MAX),
    leaderAddress: known.leader ?? '',
    detailsJson: detailsToJson(known.details),
  }).finish()
  metadata.set(ERROR_METADATA_KEY, Buffer.from(detail))
  // Percent-encoded on the wire, up to nine bytes a character.
  const details = clip(message, 512)
  return Object.assign(new Error(message), {code: GRPC_STATUS[known.spec.grpc], details, metadata})
}

/** The gRPC status's part of an error: what `fromServiceError` needs to know. */
export type StatusLike = Pick<grpc.ServiceError, 'code' | 'details'> & {metadata?: grpc.Metadata}

/** Reads a failed call. `address`, where known, names the node in the sentence. */
export function fromServiceError(error: StatusLike, address?: string): RaftctlError {
  return (
    fromMetadata(error.metadata?.get(ERROR_METADATA_KEY)[0], error) ??
    fromStatus(error, address === undefined ? 'the node' : address)
  )
}

function fromMetadata(value: unknown, cause: StatusLike): RaftctlError | undefined {
  if (!(value instanceof Uint8Array)) return undefined
  let detail: ErrorDetail
  try {
    detail = ErrorDetail.decode(value)
  } catch {
    return undefined
  }
  // A newer node may know codes that we don't: its sentence and its gRPC status still hold.
  const code = isErrorCode(detail.code) ? detail.code : codeOf(cause)
  return new RaftctlError(code, detail.message, {
    hint: detail.hint === '' ? undefined : detail.hint,
    leader: detail.leaderAddress === '' ? undefined : detail.leaderAddress,
    details: detailsFromJson(detail.detailsJson),
  })
}

function fromStatus(error: StatusLike, node: string): RaftctlError {
  const {code, details} = error
  const {status} = grpc
  if (isForeign(error)) return notANode(node, error)
  switch (code) {
    case status.UNAVAILABLE:
      return unreachable(node, error)
    case status.DEADLINE_EXCEEDED:
      return new RaftctlError('RAFTCTL_TIMED_OUT', `${node} did not answer in time`, {
        hint: 'Allow more time with --timeout, or run "raftctl status" to see how the node is.',
        cause: error,
      })
    case status.CANCELLED:
      return new RaftctlError('RAFTCTL_INTERRUPTED', `the call to ${node} was cancelled`, {
        cause: error,
      })
    case status.RESOURCE_EXHAUSTED:
      return new RaftctlError(codeOf(error), `${node} refused the call: ${details}`, {cause: error})
    default:
      return new RaftctlError(codeOf(error), `${node} failed: ${details}`, {cause: error})
  }
}

function codeOf(error: StatusLike): ErrorCode {
  const {status} = grpc
  switch (error.code) {
    case status.UNAVAILABLE:
      return 'RAFTCTL_UNREACHABLE'
    case status.DEADLINE_EXCEEDED:
      return 'RAFTCTL_TIMED_OUT'
    case status.CANCELLED:
      return 'RAFTCTL_INTERRUPTED'
    case status.UNAUTHENTICATED:
      return 'RAFTCTL_NOT_AUTHENTICATED'
    case status.PERMISSION_DENIED:
      return 'RAFTCTL_NOT_AUTHORISED'
    case status.INVALID_ARGUMENT:
      return 'RAFTCTL_USAGE'
    case status.FAILED_PRECONDITION:
      return 'RAFTCTL_REFUSED'
    case status.DATA_LOSS:
      return 'RAFTCTL_DATA_DAMAGED'
    case status.RESOURCE_EXHAUSTED:
      return /larger than max|size larger/i.test(error.details)
        ? 'RAFTCTL_TOO_LARGE'
        : 'RAFTCTL_OVERLOADED'
    default:
      return 'RAFTCTL_UNEXPECTED'
  }
}

/** Nothing of ours answers with a plain HTTP status, with another protocol, or without the service. */
function isForeign({code, details}: StatusLike): boolean {
  if (code === grpc.status.UNIMPLEMENTED) return true
  return FOREIGN.test(details)
}

const FOREIGN =
  /Received HTTP status code|Protocol error|ERR_HTTP2_ERROR|Parse Error|NGHTTP2_PROTOCOL_ERROR|without gRPC status/i

function notANode(node: string, error: StatusLike): RaftctlError {
  return new RaftctlError('RAFTCTL_UNREACHABLE', `${node} is not a raftctl node`, {
    hint: 'Something else listens there, or a node of a version without this call: check the address.',
    details: {reason: 'not-a-node' satisfies UnreachableReason, grpc: error.details},
    cause: error,
  })
}

function unreachable(node: string, error: StatusLike): RaftctlError {
  const distrust = distrustOf(error.details, node)
  if (distrust !== undefined) {
    const {text, hint, reason} = distrust
    const details = {reason, grpc: error.details}
    return new RaftctlError('RAFTCTL_NOT_TRUSTED', text, {hint, details, cause: error})
  }
  const reason = reasonOf(error.details)
  return new RaftctlError('RAFTCTL_UNREACHABLE', `can't reach ${node}: ${SENTENCES[reason]}`, {
    hint: HINTS[reason],
    details: {reason, grpc: error.details},
    cause: error,
  })
}

function reasonOf(details: string): UnreachableReason {
  if (/ENOTFOUND|EAI_AGAIN|Name resolution failed|Failed to parse DNS/i.test(details)) {
    return 'name-not-found'
  }
  if (/ECONNREFUSED/.test(details)) return 'refused'
  if (/EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|EADDRNOTAVAIL/.test(details)) return 'no-route'
  if (/ECONNRESET|EPIPE|dropped|socket hang up|GOAWAY|connection closed/i.test(details)) {
    return 'reset'
  }
  return 'unknown'
}

interface Distrust {
  /** Under `details.reason`. */
  readonly reason: string
  readonly text: string
  readonly hint: string
}

/** TLS that failed on our side; what the node holds against us it says itself, in a status. */
function distrustOf(details: string, node: string): Distrust | undefined {
  if (/certificate has expired/i.test(details)) {
    const text = `the certificate of ${node} has expired`
    return {reason: 'expired', text, hint: 'Renew it with "raftctl cert node HOST --overwrite".'}
  }
  if (/certificate is not yet valid/i.test(details)) {
    const text = `the certificate of ${node} is not valid yet`
    return {reason: 'not-yet-valid', text, hint: 'Compare the clocks of the two machines.'}
  }
  if (/ALTNAME|altnames/.test(details)) {
    const said = /altnames: (?<why>.+?)(?:\. Resolution note|$)/.exec(details)?.groups?.why
    const text = `${node} shows a certificate of another host${said ? `: ${said}` : ''}`
    return {
      reason: 'host-name',
      text,
      hint: 'Use the name or address that the certificate is for, or make one for this address.',
    }
  }
  if (/without the OU raftctl:peer/.test(details)) {
    const text = `the certificate of ${node} is not that of a node (OU raftctl:peer)`
    return {reason: 'not-a-peer', text, hint: 'Make it with "raftctl cert node HOST".'}
  }
  if (/self.signed certificate|unable to (?:verify|get).*(?:certificate|issuer)/i.test(details)) {
    const text = `this side does not trust the authority that signed the certificate of ${node}`
    return {reason: 'authority', text, hint: 'Check --tls-ca: it names the authorities to trust.'}
  }
  if (/wrong version number|packet length too long|http request/i.test(details)) {
    const text = `${node} does not speak TLS, and was spoken to in TLS`
    return {reason: 'plain-text', text, hint: 'Leave --tls-ca away, or start the node with TLS.'}
  }
  if (/certificate|TLS|SSL|handshake/i.test(details)) {
    const text = `${node} and this side disagree about TLS`
    return {reason: 'tls', text, hint: 'Check --tls-ca, --tls-cert and --tls-key on both sides.'}
  }
  return undefined
}

const SENTENCES: Record<UnreachableReason, string> = {
  'name-not-found': 'the host name is not known',
  refused: 'nothing listens there',
  'no-route': 'there is no way to that host',
  'not-a-node': 'it is not a raftctl node',
  reset: 'the connection was cut',
  unknown: 'no connection could be made',
}

const HINTS: Record<UnreachableReason, string> = {
  'name-not-found': 'Check the spelling of the address.',
  refused: 'Check that the node runs, and the port.',
  'no-route': 'Check the address, the network and its firewalls.',
  'not-a-node': 'Check the address.',
  reset: 'Try again; if it goes on, look at the log of the node.',
  unknown: 'Check that the node runs, and the address.',
}

function unexpected(error: unknown): RaftctlError {
  const said = error instanceof Error ? error.message : String(error)
  return new RaftctlError('RAFTCTL_UNEXPECTED', `unexpected failure in the node: ${said}`, {
    hint: 'This is a defect: the log of the node says more.',
  })
}

/** Shortens, and mends what gRPC could not encode (a lone surrogate makes it throw). */
function clip(text: string, max: number): string {
  return Buffer.from(text.length > max ? `${text.slice(0, max - 1)}…` : text).toString()
}

function detailsToJson(details: Readonly<Record<string, unknown>>): string {
  if (Object.keys(details).length === 0) return ''
  try {
    const json = JSON.stringify(details)
    return json.length > DETAILS_MAX ? '' : json
  } catch {
    // Not representable (a cycle, a bigint): the sentence says it already.
    return ''
  }
}

function detailsFromJson(json: string): Record<string, unknown> {
  if (json === '') return {}
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : {}
  } catch {
    return {}
  }
}
