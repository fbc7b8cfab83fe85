import type {Socket} from 'node:net'
import type {PeerCertificate, TLSSocket} from 'node:tls'
import {type Caller, isRole} from './roles.js'

/** What a client certificate says, or why it says nothing. */
export type Certificate =
  | {readonly kind: 'trusted'; readonly caller: Caller; readonly validToMs: number}
  | {readonly kind: 'refused'; readonly reason: string}

/** One accepted connection, as far as it has shown who it is. */
export interface Connection {
  certificate: Certificate | undefined
  /** The last `authorization` that was accepted here, and by which state of the tokens. */
  accepted:
    | {readonly authorization: string; readonly tokens: object; readonly caller: Caller}
    | undefined
  refusedCalls: number
  /** Called at each accepted call. */
  prove(): void
  cut(): void
}

/** The two ends of a connection: unique among those that are open. */
export function connectionKey(ends: {
  readonly localAddress?: string | undefined
  readonly localPort?: number | undefined
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
}): string {
  return `${ends.remoteAddress} ${ends.remotePort} ${ends.localAddress} ${ends.localPort}`
}

/** Of a finished handshake; undefined where the client showed no certificate. */
export function certificateOf(socket: TLSSocket): Certificate | undefined {
  const shown = socket.getPeerCertificate()
  if (shown.raw === undefined) return undefined
  if (!socket.authorized) {
    return {kind: 'refused', reason: refusal(String(socket.authorizationError), shown)}
  }
  const roles = unitsOf(shown)
    .map(unit => (unit.startsWith('raftctl:') ? unit.slice('raftctl:'.length) : ''))
    .filter(isRole)
  if (roles.length === 0) {
    return {
      kind: 'refused',
      reason: 'the certificate of the client names no role (OU raftctl:ROLE)',
    }
  }
  const [name] = [shown.subject.CN].flat()
  const validToMs = Date.parse(shown.valid_to)
  return {kind: 'trusted', caller: {name: name ?? 'unnamed', roles}, validToMs}
}

/** For log lines; a socket that is gone has no ends any more. */
export function remoteOf(socket: Socket): string {
  return socket.remoteAddress ?? 'unknown'
}

function unitsOf(certificate: PeerCertificate): string[] {
  return [certificate.subject.OU ?? []].flat()
}

function refusal(code: string, shown: PeerCertificate): string {
  if (/CERT_HAS_EXPIRED/.test(code)) {
    return `the certificate of the client expired at ${isoOf(shown.valid_to)}`
  }
  if (/CERT_NOT_YET_VALID/.test(code)) {
    return `the certificate of the client is valid from ${isoOf(shown.valid_from)} only`
  }
  if (/PURPOSE/.test(code)) return 'the certificate of the client is not made for clients'
  return 'this node does not trust the authority that signed the certificate of the client'
}

function isoOf(text: string): string {
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? text : new Date(ms).toISOString()
}
