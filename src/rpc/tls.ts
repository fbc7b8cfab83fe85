/** TLS of one end: what is in the files, and the contexts made of it. */
import {readFileSync} from 'node:fs'
import {
  checkServerIdentity,
  createSecureContext,
  type PeerCertificate,
  type SecureContext,
} from 'node:tls'
import {RaftctlError} from '../errors.js'
import {unreadable} from './watched-files.js'

export interface TlsFiles {
  /** Authorities that the other end's certificate must come from. */
  readonly ca?: string | undefined
  /** Our own certificate and its key: both or none. */
  readonly cert?: string | undefined
  readonly key?: string | undefined
  /** Of a node: authorities that clients' certificates must come from; `ca` by default. */
  readonly clientCa?: string | undefined
}

/** The oldest version that is spoken. */
const TLS_VERSION_MIN = 'TLSv1.2'
/** Tickets would let a session outlive the authorities that it was checked against. */
const SSL_OP_NO_TICKET = 0x4000

/** What the files hold. RAFTCTL_USAGE, RAFTCTL_FILE_NOT_FOUND, RAFTCTL_INPUT_OUTPUT. */
export interface TlsMaterial {
  readonly ca: Buffer | undefined
  readonly clientCa: Buffer | undefined
  readonly cert: Buffer | undefined
  readonly key: Buffer | undefined
}

export function readTls(files: TlsFiles): TlsMaterial {
  const {ca, cert, key, clientCa = ca} = files
  if ((cert === undefined) !== (key === undefined)) {
    throw new RaftctlError('RAFTCTL_USAGE', 'a certificate and its key go together', {
      hint: 'Give --tls-cert and --tls-key both, or neither.',
    })
  }
  const material = {
    ca: read(ca, 'certificate of the authority'),
    clientCa: read(clientCa, 'certificate of the authority for clients'),
    cert: read(cert, 'certificate'),
    key: read(key, 'key'),
  }
  // Here rather than at the first connection: each file is blamed for itself.
  checkUsable(ca, {ca: material.ca})
  checkUsable(clientCa, {ca: material.clientCa})
  checkUsable(cert, {cert: material.cert, key: material.key})
  return material
}

/** For connections that we accept. */
export function contextOf({ca, clientCa = ca, cert, key}: TlsMaterial) {
  return {
    ca: clientCa,
    cert,
    key,
    minVersion: TLS_VERSION_MIN,
    secureOptions: SSL_OP_NO_TICKET,
  } as const
}

/** For connections that we open. */
export function clientContext({ca, cert, key}: TlsMaterial): SecureContext {
  return createSecureContext({ca, cert, key, minVersion: TLS_VERSION_MIN})
}

/**
 * The usual check of the name, and for one node that calls another: whoever answers must be a node
 * too, by its OU.
 */
export function checkNode(host: string, certificate: PeerCertificate): Error | undefined {
  const named = checkServerIdentity(host, certificate)
  if (named !== undefined) return named
  const units = [certificate.subject.OU ?? []].flat()
  return units.includes('raftctl:peer')
    ? undefined
    : new Error('certificate without the OU raftctl:peer: it is not of a node')
}

function read(path: string | undefined, what: string): Buffer | undefined {
  if (path === undefined) return undefined
  try {
    return readFileSync(path)
  } catch (error) {
    throw unreadable(error, path, what)
  }
}

function checkUsable(path: string | undefined, parts: Parameters<typeof createSecureContext>[0]) {
  if (path === undefined) return
  try {
    createSecureContext(parts)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new RaftctlError('RAFTCTL_USAGE', `${path} can't be used for TLS: ${why}`, {
      hint: 'The files are PEM: certificates, and a key that belongs to the certificate.',
      cause,
    })
  }
}
