/**
 * The file of tokens that a node accepts. One line a token: a role, a name for people, and the
 * SHA-256 of the token in hexadecimal, so that the file itself opens nothing.
 *
 *     # role  name     SHA-256 of the token
 *     admin   alice    9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
 *     monitor grafana  60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752
 */
import {createHash, timingSafeEqual} from 'node:crypto'
import {RaftctlError} from '../../errors.js'
import {TOKEN_FILE_BYTES_MAX, TOKEN_LENGTH_MAX, TOKEN_LINES_MAX} from '../limits.js'
import {type Caller, isRole, ROLES} from './roles.js'

interface TokenLine {
  readonly caller: Caller
  readonly hash: Buffer
}

export type Tokens = readonly TokenLine[]

/**
 * RAFTCTL_USAGE names file and line; never what stands there, which may be a token put in by
 * mistake.
 */
export function parseTokens(text: string, path: string): Tokens {
  if (text.length > TOKEN_FILE_BYTES_MAX) throw malformed(path, 1, 'the file is too large')
  const tokens: TokenLine[] = []
  const seen = new Set<string>()
  text.split('\n').forEach((raw, i) => {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) return
    const [role = '', name = '', hash = '', ...rest] = line.split(/\s+/)
    const number = i + 1
    if (!isRole(role)) throw malformed(path, number, `a line begins with ${ROLES.join(', ')}`)
    if (!/^[A-Za-z][\w.@-]{0,62}$/.test(name)) {
      throw malformed(path, number, 'the second word is no name')
    }
    if (rest.length > 0 || !/^[0-9a-f]{64}$/i.test(hash)) {
      throw malformed(path, number, 'the third word is not the SHA-256 of a token, 64 hex digits')
    }
    if (seen.has(hash.toLowerCase())) throw malformed(path, number, 'the token is there twice')
    if (tokens.length === TOKEN_LINES_MAX) throw malformed(path, number, 'there are too many lines')
    seen.add(hash.toLowerCase())
    tokens.push({caller: {name, roles: [role]}, hash: Buffer.from(hash, 'hex')})
  })
  // A file that is just being written looks like this, too.
  if (tokens.length === 0) throw malformed(path, 1, 'the file holds no token')
  return tokens
}

/** undefined for a token that is none of these. Takes the same time wherever the line stands. */
export function callerOf(token: string, tokens: Tokens): Caller | undefined {
  if (token.length > TOKEN_LENGTH_MAX) return undefined
  const hash = hashOf(token)
  let found: Caller | undefined
  for (const line of tokens) if (timingSafeEqual(line.hash, hash)) found = line.caller
  return found
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

function malformed(path: string, line: number, why: string): RaftctlError {
  return new RaftctlError('RAFTCTL_USAGE', `${path}, line ${line}: ${why}`, {
    hint: 'Each line is ROLE NAME SHA256; see raftctl-network(7).',
    details: {path, line},
  })
}
