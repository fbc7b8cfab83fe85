/**
 * Who may talk to the nodes of a local cluster: whoever can read these files in its directory, that
 * is its owner. Nobody passes them on a command line or in an environment.
 *
 *     token        what commands show: role admin
 *     peer-token   what the nodes show each other: role peer
 *     tokens       ROLE NAME SHA256 of the two: what the nodes compare with
 */
import {createHash, randomBytes} from 'node:crypto'
import {readFile} from 'node:fs/promises'
import {join} from 'node:path'
import type {SecurityFiles} from '../client/types.js'
import {codeOf, damagedFile, replaceFile} from './files.js'

const TOKEN_BYTES = 32
const TOKEN = /^[\w-]+$/

/** Names of the files; `cluster destroy` removes them. */
export const SECRET_FILES = ['token', 'peer-token', 'tokens'] as const

/** What a node of the cluster is started with. */
export interface NodeSecrets {
  readonly tokenFile: string
  readonly peerTokenFile: string
}

export function nodeSecrets(directory: string): NodeSecrets {
  return {tokenFile: join(directory, 'tokens'), peerTokenFile: join(directory, 'peer-token')}
}

/** What a client of the cluster needs. RAFTCTL_DATA_DAMAGED for a file that holds something else. */
export async function clientSecurity(directory: string): Promise<SecurityFiles> {
  const tokenFile = join(directory, 'token')
  await readToken(tokenFile)
  return {tokenFile}
}

/** Makes what is not there yet. Whatever a crash leaves is completed by the next call. */
export async function ensureSecrets(directory: string): Promise<void> {
  const admin = await ensureToken(join(directory, 'token'))
  const peer = await ensureToken(join(directory, 'peer-token'))
  const tokens = `admin local ${hashOf(admin)}\npeer nodes ${hashOf(peer)}\n`
  const path = join(directory, 'tokens')
  if ((await readIfThere(path)) !== tokens) await replaceFile(path, tokens)
}

async function ensureToken(path: string): Promise<string> {
  const there = await readToken(path)
  if (there !== undefined) return there
  const token = randomBytes(TOKEN_BYTES).toString('base64url')
  await replaceFile(path, `${token}\n`)
  return token
}

/** undefined: not made yet. */
async function readToken(path: string): Promise<string | undefined> {
  const token = (await readIfThere(path))?.trim()
  if (token === undefined || token === '') return undefined
  if (!TOKEN.test(token)) throw damagedFile(path, 'does not hold a token')
  return token
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    if (codeOf(error) === 'EISDIR') throw damagedFile(path, 'is a directory, not a file', error)
    throw error
  }
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}
