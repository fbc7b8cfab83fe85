/** How we speak to a node: TLS or plain text, and the token that we show. */
import {readFileSync} from 'node:fs'
import {isIP} from 'node:net'
import {checkServerIdentity} from 'node:tls'
import * as grpc from '@grpc/grpc-js'
import {RaftctlError} from '../errors.js'
import {parseAddress} from './address.js'
import {TOKEN_LENGTH_MAX} from './limits.js'
import {clientContext, readTls, type TlsFiles, type TlsMaterial} from './tls.js'
import {unreadable} from './watched-files.js'

export interface SecurityFiles {
  /** undefined: plain text. */
  readonly tls?: TlsFiles | undefined
  /** Holds the token alone; undefined: none is shown. */
  readonly tokenFile?: string | undefined
}

/** For the channels of one program; what it answers may change when the files do. */
export interface ChannelSecurity {
  /** For connections to HOST:PORT. */
  credentials(address: string): grpc.ChannelCredentials
  channelOptions(address: string): grpc.ChannelOptions
  /** Shows the token at each call. */
  readonly interceptors: grpc.Interceptor[]
}

export const PLAIN_TEXT: ChannelSecurity = {
  credentials: () => grpc.credentials.createInsecure(),
  channelOptions: () => ({}),
  interceptors: [],
}

/**
 * Reads the files now. RAFTCTL_FILE_NOT_FOUND, RAFTCTL_INPUT_OUTPUT, RAFTCTL_USAGE for what they
 * can't be used for.
 */
export function securityOf({tls, tokenFile}: SecurityFiles): ChannelSecurity {
  const material = tls && readTls(tls)
  const token = tokenFile === undefined ? undefined : readToken(tokenFile)
  return securityWith(
    () => material,
    () => token,
  )
}

/** The same, from what may change. */
export function securityWith(
  material: () => TlsMaterial | undefined,
  token: () => string | undefined,
  /** How the other end's certificate is checked, beyond its authority; default by host name. */
  check: typeof checkServerIdentity = checkServerIdentity,
): ChannelSecurity {
  return {
    credentials(address) {
      const now = material()
      if (now === undefined) return grpc.credentials.createInsecure()
      // The name that TLS was told is not always the one to check; see below.
      const host = parseAddress(address)?.host ?? address
      return grpc.credentials.createFromSecureContext(clientContext(now), {
        checkServerIdentity: (_, certificate) => check(host, certificate),
      })
    },
    channelOptions(address) {
      // TLS can't be told an IP address as the name of a server.
      const isName = isIP(parseAddress(address)?.host ?? '') === 0
      return isName ? {} : {'grpc.ssl_target_name_override': 'raftctl-node'}
    },
    interceptors: [
      (options, next) =>
        new grpc.InterceptingCall(next(options), {
          start(metadata, listener, proceed) {
            const now = token()
            if (now !== undefined) metadata.set('authorization', `Bearer ${now}`)
            proceed(metadata, listener)
          },
        }),
    ],
  }
}

/** The token in a file, alone on its line. Never named in an error. */
export function readToken(path: string): string {
  let text: string
  try {
    text = readFileSync(path, 'utf8').trim()
  } catch (error) {
    throw unreadable(error, path, 'token')
  }
  if (/^[\w.~+/=-]+$/.test(text) && text.length <= TOKEN_LENGTH_MAX) return text
  throw new RaftctlError('RAFTCTL_USAGE', `${path} does not hold a token`, {
    hint: 'The file has one line with the token alone; the file with hashes is for nodes.',
  })
}
