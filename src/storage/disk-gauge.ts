import {statfs} from 'node:fs/promises'

const FRESH_MS = 1_000

/** How full the file system of a directory is, measured in the background when somebody asks. */
export class DiskGauge {
  /** undefined: not measured yet, or not to be found out. */
  latest: {readonly freeBytes: number; readonly totalBytes: number} | undefined
  readonly #directory: string
  #measuredMs = Number.NEGATIVE_INFINITY
  #measuring = false

  constructor(directory: string) {
    this.#directory = directory
    this.refresh()
  }

  /** Returns at once; `latest` follows. */
  refresh(): void {
    if (this.#measuring || performance.now() - this.#measuredMs < FRESH_MS) return
    this.#measuring = true
    statfs(this.#directory)
      .then(
        ({bavail, blocks, bsize}) => {
          this.latest = {freeBytes: bavail * bsize, totalBytes: blocks * bsize}
        },
        () => {
          this.latest = undefined
        },
      )
      .finally(() => {
        this.#measuring = false
        this.#measuredMs = performance.now()
      })
  }
}
