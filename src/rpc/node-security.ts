import {RaftctlError} from '../errors.js'
import {type Access, OPEN_ACCESS} from './access/gate.js'
import {guardedAccess} from './access/guarded-access.js'
import type {LogSink} from './log.js'
import {type ChannelSecurity, readToken, securityWith} from './security.js'
import {checkNode, readTls, type TlsFiles, type TlsMaterial} from './tls.js'
import {watchFiles} from './watched-files.js'

/** Of a node: whom it believes, and how it shows who it is. */
export interface NodeSecurityFiles {
  /** With TLS all of `ca`, `cert` and `key`. */
  readonly tls?: TlsFiles | undefined
  /** Lines of ROLE NAME SHA256: the tokens that the node accepts. */
  readonly tokenFile?: string | undefined
  /** Holds the token that the node shows to others; it has the role peer there. */
  readonly peerTokenFile?: string | undefined
}

export interface NodeSecurity {
  readonly access: Access
  /** undefined: plain text. */
  readonly tls: TlsMaterial | undefined
  /** Towards other nodes. */
  readonly channels: ChannelSecurity
  /** Calls back with other certificates after the files have changed. */
  onRenewal(listener: (tls: TlsMaterial) => void): void
  stop(): void
}

/**
 * Reads all files, and again whenever they change; what can't be used then is logged, and what was
 * before stays in force. Without any file the node is open to all.
 *
 * RAFTCTL_USAGE, RAFTCTL_FILE_NOT_FOUND, RAFTCTL_INPUT_OUTPUT.
 */
export async function nodeSecurity(files: NodeSecurityFiles, log: LogSink): Promise<NodeSecurity> {
  const {tls: tlsFiles, tokenFile, peerTokenFile} = files
  if (tlsFiles !== undefined) refuseIncomplete(tlsFiles)
  const read = () => ({
    tls: tlsFiles && readTls(tlsFiles),
    token: peerTokenFile === undefined ? undefined : readToken(peerTokenFile),
  })
  let now = read()
  const listeners = new Set<(tls: TlsMaterial) => void>()
  const guarded =
    tlsFiles === undefined && tokenFile === undefined
      ? undefined
      : await guardedAccess(tokenFile, log)
  const paths = [...Object.values(tlsFiles ?? {}), peerTokenFile].filter(path => path !== undefined)
  const watch = watchFiles(paths, async () => {
    try {
      const before = now
      now = read()
      if (same(before, now)) return
      log('info', 'certificates or token were read again', {files: paths})
      if (now.tls !== undefined) for (const listener of listeners) listener(now.tls)
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      log('error', 'certificates or token were not read again; those before stay', {why})
    }
  })
  return {
    access: guarded ?? OPEN_ACCESS,
    tls: now.tls,
    channels: securityWith(
      () => now.tls,
      () => now.token,
      checkNode,
    ),
    onRenewal: listener => void listeners.add(listener),
    stop() {
      watch.stop()
      guarded?.stop()
    },
  }
}

interface Held {
  readonly tls: TlsMaterial | undefined
  readonly token: string | undefined
}

function same(one: Held, other: Held): boolean {
  const equal = (a: Buffer | undefined, b: Buffer | undefined) =>
    a === undefined || b === undefined ? a === b : a.equals(b)
  return (
    one.token === other.token &&
    equal(one.tls?.ca, other.tls?.ca) &&
    equal(one.tls?.clientCa, other.tls?.clientCa) &&
    equal(one.tls?.cert, other.tls?.cert) &&
    equal(one.tls?.key, other.tls?.key)
  )
}

function refuseIncomplete({ca, cert, key}: TlsFiles): void {
  if (ca !== undefined && cert !== undefined && key !== undefined) return
  throw new RaftctlError(
    'RAFTCTL_USAGE',
    'a node with TLS needs --tls-ca, --tls-cert and --tls-key',
    {
      hint: 'Make them with "raftctl cert ca" and "raftctl cert node HOST".',
    },
  )
}
