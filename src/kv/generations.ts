/**
 * The state's directory. One generation is in force, named by a pointer that is replaced atomically:
 *
 *   state/CURRENT             the name of the generation, and a newline
 *   state/CURRENT.partial     a pointer being written
 *   state/<generation>/       one LMDB environment; eight digits, from 00000001
 *
 *   ∅ ──begin──▶ built beside ──(whole and synced)──▶ switchTo ──▶ in force ──▶ removed at the next
 *
 * A crash leaves the old pointer or the new one; what neither names is removed at open.
 */
import {existsSync, readdirSync, readFileSync, statSync} from 'node:fs'
import {mkdir, open, rename, rm} from 'node:fs/promises'
import {dirname, join} from 'node:path'
import {damaged} from './records.js'

const POINTER = 'CURRENT'
const PARTIAL = 'CURRENT.partial'
const NAME = /^\d{8}$/

export class Generations {
  readonly #directory: string
  #current: string | undefined

  private constructor(directory: string, current: string | undefined) {
    this.#directory = directory
    this.#current = current
  }

  /** Creates the directory, reads the pointer and removes leftovers. Throws RAFTCTL_DATA_DAMAGED. */
  static async open(directory: string): Promise<Generations> {
    if (!existsSync(directory)) {
      await mkdir(directory, {recursive: true})
      await syncDirectory(dirname(directory))
    }
    if (!statSync(directory).isDirectory()) throw damaged(`${directory} is no directory`)
    const generations = new Generations(directory, readPointer(directory))
    await generations.sweep()
    return generations
  }

  /** The directory in force; undefined before the first `switchTo`. */
  get current(): string | undefined {
    return this.#current === undefined ? undefined : join(this.#directory, this.#current)
  }

  /** An empty directory for the next generation. */
  async begin(): Promise<string> {
    const path = join(this.#directory, String(Number(this.#current ?? 0) + 1).padStart(8, '0'))
    await rm(path, {recursive: true, force: true})
    await mkdir(path)
    return path
  }

  /**
   * Puts a whole and synced generation in force; atomic and durable when it resolves. After a
   * rejection either may be in force: only opening the directory again tells.
   */
  async switchTo(path: string): Promise<void> {
    const name = path.slice(this.#directory.length + 1)
    await syncDirectory(path)
    const partial = join(this.#directory, PARTIAL)
    const file = await open(partial, 'w')
    try {
      await file.writeFile(`${name}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
    // The pointer must not become durable before what it names.
    await syncDirectory(this.#directory)
    await rename(partial, join(this.#directory, POINTER))
    await syncDirectory(this.#directory)
    this.#current = name
  }

  /** Removes every generation but the one in force. */
  async sweep(): Promise<void> {
    for (const name of readdirSync(this.#directory)) {
      const leftover = name === PARTIAL || (NAME.test(name) && name !== this.#current)
      if (leftover) await rm(join(this.#directory, name), {recursive: true, force: true})
    }
  }
}

function readPointer(directory: string): string | undefined {
  const path = join(directory, POINTER)
  if (!existsSync(path)) return undefined
  if (!statSync(path).isFile()) throw damaged(`${path} is no file`)
  const text = readFileSync(path, 'latin1')
  const name = text.slice(0, -1)
  if (text.at(-1) !== '\n' || !NAME.test(name)) throw damaged(`${path} is no pointer`)
  if (!existsSync(join(directory, name, 'data.mdb'))) {
    throw damaged(`${path} names generation ${name}, which is not there`)
  }
  return name
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
