/**
 * What an idle three-node cluster costs: CPU time a second and memory of its nodes, beside three idle
 * nodes of etcd over the same seconds. Prints one JSON line a result.
 *
 *   node dist/bench/idle.js [seconds]
 */
import {setTimeout as delay} from 'node:timers/promises'
import {withDirectory} from './directory.js'
import {EtcdCluster, etcdVersion} from './etcd-process.js'
import {startNodes} from './node-process.js'
import {note, result, round, table} from './report.js'
import {anonymousBytes, cpuMs} from './usage.js'

const SETTLE_MS = 3000
const seconds = Number(process.argv[2] ?? 30)

await withDirectory(async directory => {
  const nodes = await startNodes(directory, 3)
  const etcd = new EtcdCluster(directory)
  try {
    const systems = [{system: 'raftctl', pids: nodes.map(({pid}) => pid)}]
    if (etcdVersion() === undefined) note('etcd is not installed: nothing to compare with')
    else {
      await etcd.start()
      systems.push({system: 'etcd', pids: etcd.pids})
    }
    await delay(SETTLE_MS)
    const before = systems.map(({pids}) => cpuMs(pids))
    await delay(seconds * 1000)
    const cpu = systems.map(({pids}, i) => (cpuMs(pids) - before[i]!) / seconds)
    const rows = systems.map(({system, pids}, i) => {
      const relative =
        i === 0 && cpu[1] !== undefined
          ? {relativeTo: 'etcd', timesCpu: round(cpu[0]! / cpu[1])}
          : undefined
      const nodeAnonymousMb = round(anonymousBytes(pids) / 1e6, 0)
      const measured = {nodesCpuMsPerSecond: round(cpu[i]!), nodeAnonymousMb}
      result({bench: 'idle', system, seconds, ...measured, ...relative})
      const ratio = relative ? `${relative.timesCpu} x etcd` : ''
      return [system, String(measured.nodesCpuMsPerSecond), String(nodeAnonymousMb), ratio]
    })
    table(['idle, three nodes', 'CPU ms/s', 'node MB', ''], rows)
  } finally {
    await Promise.all([...nodes.map(node => node.kill()), etcd.kill()])
  }
})
