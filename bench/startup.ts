/**
 * How long `raftctl --version` and `raftctl status` take, beside `node -e 0`: whole processes, one
 * after the other, interleaved; and the processor time of each, which a busy machine does not change
 * much. Prints one JSON line a result.
 *
 *   node dist/bench/startup.js [rounds]
 */
import {spawnSync} from 'node:child_process'
import {withDirectory} from './directory.js'
import {PROGRAM, startNodes} from './node-process.js'
import {median, result, round, table} from './report.js'
import {endedChildrenCpuMs} from './usage.js'

const rounds = Number(process.argv[2] ?? 30)

interface Cost {
  readonly ms: number
  readonly cpuMs: number
}

function runOnce(args: readonly string[], home: string): Cost {
  const env = {...process.env, HOME: home}
  const cpuMs = endedChildrenCpuMs()
  const startMs = performance.now()
  const {status, stderr} = spawnSync(process.execPath, args, {env, encoding: 'utf8'})
  const ms = performance.now() - startMs
  if (status !== 0) throw new Error(`node ${args.join(' ')} ended with ${status}: ${stderr}`)
  return {ms, cpuMs: endedChildrenCpuMs() - cpuMs}
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
    const costs = commands.map(() => [] as Cost[])
    // What a program keeps from one run to the next is there in the second.
    for (const {args} of commands) for (let i = 0; i < 2; i++) runOnce(args, directory)
    for (let i = 0; i < rounds; i++) {
      for (const [at, {args}] of commands.entries()) costs[at]!.push(runOnce(args, directory))
    }

    const cpuMs = (at: number) => costs[at]!.reduce((sum, cost) => sum + cost.cpuMs, 0) / rounds
    const bare = costs[0]!
    const rows = commands.map(({name}, at) => {
      const own = costs[at]!.map(({ms}) => ms)
      const measured = {
        medianMs: round(median(own), 1),
        minMs: round(Math.min(...own), 1),
        cpuMs: round(cpuMs(at), 1),
      }
      const relative = {
        relativeTo: 'node -e 0',
        overMs: round(median(own.map((ms, i) => ms - bare[i]!.ms)), 1),
        overCpuMs: round(cpuMs(at) - cpuMs(0), 1),
      }
      result({bench: 'startup', command: name, rounds, ...measured, ...(at > 0 && relative)})
      const over = at > 0 ? [`+ ${relative.overMs}`, `+ ${relative.overCpuMs}`] : ['', '']
      return [name, ...Object.values(measured).map(String), ...over]
    })
    table(['command', 'median ms', 'min ms', 'CPU ms', 'over node -e 0', 'CPU over it'], rows)
  } finally {
    await Promise.all(nodes.map(node => node.kill()))
  }
})
