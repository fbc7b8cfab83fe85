/**
 * What must hold of an LMDB file before it is given to LMDB, which maps it and ends the process on a
 * header that is none, or on a page that is not there. Little-endian machines; offsets in a meta page:
 *
 *   18  2 bytes  flags, 8 set         48  4 bytes  page size
 *   24  4 bytes  magic               144  8 bytes  last page
 *   28  4 bytes  version, 2          152  8 bytes  transaction
 *
 * Pages 0 and 1 are meta pages. Half a page into page 0 lies the meta of the last transaction that
 * was synced (from its page size on).
 */
import {closeSync, existsSync, fstatSync, openSync, readSync, statSync} from 'node:fs'
import {endianness} from 'node:os'
import type {RaftctlError} from '../errors.js'
import {damaged} from './records.js'

const MAGIC = 0xbeefc0de
const VERSION = 2
const META_FLAG = 8
const META_BYTES = 160
const PAGE_BYTES_MIN = 512
const PAGE_BYTES_MAX = 65_536

/** Throws RAFTCTL_DATA_DAMAGED. A file that is not there is no damage: LMDB makes one. */
export function checkDataFile(path: string): void {
  if (!existsSync(path) || endianness() !== 'LE') return
  if (statSync(path).isDirectory()) throw damageAt(path, 0, 'it is a directory')
  const file = openSync(path, 'r')
  try {
    const {size} = fstatSync(file)
    const pageBytes = checkMeta(path, read(path, file, 0), 0)
    checkMeta(path, read(path, file, pageBytes), pageBytes)
    const synced = read(path, file, pageBytes / 2)
    const bytes = (synced.readBigUInt64LE(144) + 1n) * BigInt(pageBytes)
    if (synced.readBigUInt64LE(152) > 0n && bytes > BigInt(size)) {
      throw damageAt(path, size, `it was cut: it had at least ${bytes} bytes`)
    }
  } finally {
    closeSync(file)
  }
}

function checkMeta(path: string, meta: Buffer, offset: number): number {
  const isMeta = (meta.readUInt16LE(18) & META_FLAG) !== 0 && meta.readUInt32LE(24) === MAGIC
  if (!isMeta) throw damageAt(path, offset, 'no header of LMDB')
  const version = meta.readUInt32LE(28) & 0xffff
  if (version !== VERSION) throw damageAt(path, offset, `format ${version} of LMDB`)
  const pageBytes = meta.readUInt32LE(48)
  const isPower = (pageBytes & (pageBytes - 1)) === 0
  if (!isPower || pageBytes < PAGE_BYTES_MIN || pageBytes > PAGE_BYTES_MAX) {
    throw damageAt(path, offset, `pages of ${pageBytes} bytes`)
  }
  return pageBytes
}

function read(path: string, file: number, offset: number): Buffer {
  const bytes = Buffer.alloc(META_BYTES)
  if (readSync(file, bytes, 0, META_BYTES, offset) === META_BYTES) return bytes
  throw damageAt(path, offset, 'the file ends here')
}

function damageAt(path: string, offset: number, what: string): RaftctlError {
  return damaged(`${path} is damaged at byte ${offset}: ${what}`)
}
