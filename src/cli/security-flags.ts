import {resolve} from 'node:path'
import type {SecurityFiles} from '../client/types.js'

/** The flags about trust, of a command or of a node. */
export interface SecurityFlags {
  readonly 'token-file'?: string | undefined
  readonly 'tls-ca'?: string | undefined
  readonly 'tls-cert'?: string | undefined
  readonly 'tls-key'?: string | undefined
}

/** What the flags name, as absolute paths. */
export function securityFrom(flags: SecurityFlags): SecurityFiles {
  const ca = absolute(flags['tls-ca'])
  const cert = absolute(flags['tls-cert'])
  const key = absolute(flags['tls-key'])
  const tls =
    ca === undefined && cert === undefined && key === undefined ? undefined : {ca, cert, key}
  return {tls, tokenFile: absolute(flags['token-file'])}
}

/** What was given outranks, part by part, what the context says. */
export function outranked(context: SecurityFiles, given: SecurityFiles): SecurityFiles {
  const one = context.tls
  const other = given.tls
  const tls =
    one === undefined || other === undefined
      ? (other ?? one)
      : {ca: other.ca ?? one.ca, cert: other.cert ?? one.cert, key: other.key ?? one.key}
  return {tls, tokenFile: given.tokenFile ?? context.tokenFile}
}

function absolute(path: string | undefined): string | undefined {
  return path === undefined || path === '' ? undefined : resolve(path)
}
