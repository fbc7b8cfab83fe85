import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'

/** Below RAFTCTL_BENCH_DIR, or where temporary files go; gone afterwards. */
export async function withDirectory<T>(use: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(process.env.RAFTCTL_BENCH_DIR ?? tmpdir(), 'raftctl-bench-'))
  try {
    return await use(directory)
  } finally {
    await rm(directory, {recursive: true, force: true})
  }
}
