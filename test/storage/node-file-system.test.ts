import {closeSync, fstatSync, openSync, readFileSync} from 'node:fs'
import {link, readdir, symlink, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {expect, test} from 'vitest'
import {NodeFileSystem} from '../../src/storage/node-file-system.js'
import {temporaryDirectory} from '../support/temporary.js'

const CONTENT = Buffer.alloc(20 * 1024 * 1024, 7)

async function bigFile() {
  const directory = await temporaryDirectory()
  const path = join(directory, 'big')
  await writeFile(path, CONTENT)
  return {directory, path, fs: new NodeFileSystem()}
}

test('what is discarded in pieces is gone by name first, and then freed without anybody closing it', async () => {
  const {directory, path, fs} = await bigFile()
  const foreign = openSync(path, 'r')
  try {
    const discarded = fs.discardInPieces(path)
    await expect.poll(() => readdir(directory)).toEqual([])
    await discarded

    expect(fstatSync(foreign).size).toBe(0)
  } finally {
    closeSync(foreign)
  }
})

test('whoever reads a file here goes on to its end, though it is discarded meanwhile', async () => {
  const {directory, path, fs} = await bigFile()
  const reader = fs.open(path, 'read')

  await fs.discardInPieces(path)

  const read = Buffer.alloc(CONTENT.length)
  expect(reader.read(read, 0)).toBe(CONTENT.length)
  expect(read.equals(CONTENT)).toBe(true)
  reader.close()
  expect(await readdir(directory)).toEqual([])
})

test('a second name for a file keeps all of it', async () => {
  const {directory, path, fs} = await bigFile()
  const kept = join(directory, 'kept')
  await link(path, kept)

  await fs.discardInPieces(path)

  expect(readFileSync(kept).equals(CONTENT)).toBe(true)
  expect(await readdir(directory)).toEqual(['kept'])
})

test('a reader that has closed does not count, nor one that closes twice', async () => {
  const {path, fs} = await bigFile()
  const foreign = openSync(path, 'r')
  try {
    const reader = fs.open(path, 'read')
    reader.close()
    reader.close()

    await fs.discardInPieces(path)

    expect(fstatSync(foreign).size).toBe(0)
  } finally {
    closeSync(foreign)
  }
})

test.each(['a file that may not be written', 'a link to nowhere'])(
  '%s can be discarded',
  async what => {
    const directory = await temporaryDirectory()
    const path = join(directory, 'odd')
    if (what === 'a link to nowhere') await symlink('/nowhere/at/all', path)
    else await writeFile(path, 'x', {mode: 0o400})

    await new NodeFileSystem().discardInPieces(path)

    expect(await readdir(directory)).toEqual([])
  },
)
