/**
 * What V8 compiled in earlier runs, a file a chunk:
 *
 *   KEY/NAME = CRC-32 of the chunk's text and the rest, 4 bytes little-endian │ what `createCachedData` gave
 *
 * V8 trusts what it is given, so a file that a crash tore must never reach it: hence the checksum. Of a
 * chunk's text it compares nothing but the length: hence the text in it, for another version of this
 * program may stand in the same place. KEY is a hash of everything else that V8 is particular about.
 * Nothing here ever fails: what can't be read or written is not cached.
 */
import {
  accessSync,
  constants,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import {dirname, isAbsolute, join} from 'node:path'
import {crc32} from 'node:zlib'

const CHECKSUM_BYTES = 4
/** Of other versions of Node or of this program, unchanged for so long. */
const STALE_MS = 30 * 24 * 3_600_000

type Environment = Readonly<Record<string, string | undefined>>

export interface Compiled {
  readonly name: string
  readonly text: Uint8Array
  readonly produce: () => Buffer
}

export class CodeCache {
  /** undefined: nowhere to keep anything. */
  readonly #directory: string | undefined

  /** Beside the bundle where that may be written, or else in the user's cache. */
  constructor(bundle: string, env: Environment) {
    const home = cacheHome(bundle, env)
    const options = `${env.NODE_OPTIONS ?? ''}\n${bundle}`
    const key = `${process.version}-${process.arch}-${crc32(options).toString(16)}`
    this.#directory = home && join(home, key)
  }

  /** `text`: of the chunk, as it is now. */
  read(name: string, text: Uint8Array): Buffer | undefined {
    if (this.#directory === undefined) return undefined
    try {
      const file = readFileSync(join(this.#directory, name))
      const data = file.subarray(CHECKSUM_BYTES)
      return file.readUInt32LE(0) === crc32(data, crc32(text)) ? data : undefined
    } catch {
      return undefined
    }
  }

  write(entries: readonly Compiled[]): void {
    const directory = this.#directory
    if (directory === undefined) return
    try {
      if (mkdirSync(directory, {recursive: true, mode: 0o700})) removeStale(dirname(directory))
      for (const {name, text, produce} of entries) {
        const data = produce()
        const checksum = Buffer.alloc(CHECKSUM_BYTES)
        checksum.writeUInt32LE(crc32(data, crc32(text)))
        const temporary = join(directory, `${name}.${process.pid}`)
        writeFileSync(temporary, Buffer.concat([checksum, data]), {mode: 0o600})
        renameSync(temporary, join(directory, name))
      }
    } catch {
      // A full disk, a directory that has gone: the next run may have more luck.
    }
  }
}

/** Code is run from there: only what nobody else may write is good enough. */
function cacheHome(bundle: string, env: Environment): string | undefined {
  try {
    accessSync(bundle, constants.W_OK)
    if (isOurs(bundle)) return join(bundle, '.cache')
  } catch {
    // Installed by somebody else.
  }
  const {XDG_CACHE_HOME: xdg = '', HOME: home = ''} = env
  const base = isAbsolute(xdg) ? xdg : isAbsolute(home) ? join(home, '.cache') : undefined
  if (base === undefined) return undefined
  const directory = join(base, 'raftctl', 'code')
  try {
    mkdirSync(directory, {recursive: true, mode: 0o700})
    return isOurs(directory) ? directory : undefined
  } catch {
    return undefined
  }
}

function isOurs(directory: string): boolean {
  const {uid, mode} = lstatSync(directory)
  return uid === process.getuid?.() && (mode & 0o022) === 0
}

function removeStale(home: string): void {
  for (const name of readdirSync(home)) {
    const path = join(home, name)
    if (Date.now() - statSync(path).mtimeMs > STALE_MS) rmSync(path, {recursive: true, force: true})
  }
}
