/**
 * How long `raftctl --version` and `raftctl status` take, beside `node -e 0`: whole processes, one
 * after the other, interleaved. Prints one JSON line a result.
 *
 *   node dist/bench/startup.js [rounds]
 */
import {spawnSync} from 'node:child_process'
import {withDirectory} from './directory.js'
import {PROGRAM, startNodes} from './node-process.js'
import {median, result, round, table} from './report.js'

const rounds = Number(process.argv[2] ?? 30)

function timeMs(args: readonly string[], home: string): number {
  const env = {...process.env, HOME: home}
  const startMs = performance.now()
  const {status, stderr} = spawnSync(process.execPath, args, {env, encoding: 'utf8'})
  const ms = performance.now() - startMs
  if (status !== 0) throw new Error(`node ${args.join(' ')} ended with ${status}: ${stderr}`)
  return ms
}

await withDirectory(async directory => {
  const nodes = await startNodes(directory, 3)
  try {
    const endpoints = nodes.flatMap(({address}) => ['--endpoint', address])
    const commands = [
      {name: 'node -e 0', args: ['-e', '0']},
      {name: 'raftctl --version', args: [PROGRAM, '--version']},
      {name: 'raftctl status', args: [PROGRAM, 'status', ...endpoints]},
    ]
    const times = commands.map(() => [] as number[])
    // What a program keeps from one run to the next is there in the second.
    for (const {args} of commands) for (let i = 0; i < 2; i++) timeMs(args, directory)
    for (let i = 0; i < rounds; i++) {
      for (const [at, {args}] of commands.entries()) times[at]!.push(timeMs(args, directory))
    }

    const bare = times[0]!
    const rows = commands.map(({name}, at) => {
      const own = times[at]!
      const medianMs = round(median(own), 1)
      const minMs = round(Math.min(...own), 1)
      const overMs = round(median(own.map((ms, i) => ms - bare[i]!)), 1)
      const relative = at === 0 ? {} : {relativeTo: 'node -e 0', overMs}
      result({bench: 'startup', command: name, rounds, medianMs, minMs, ...relative})
      return [name, String(medianMs), String(minMs), at === 0 ? '' : `+ ${overMs}`]
    })
    table(['command', 'median ms', 'min ms', 'over node -e 0'], rows)
  } finally {
    await Promise.all(nodes.map(node => node.kill()))
  }
})
