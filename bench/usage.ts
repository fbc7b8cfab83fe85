/** What processes cost, from /proc. */
import {readFileSync} from 'node:fs'

/** Of Linux's USER_HZ, which is 100 on every platform that Node runs on. */
const TICK_MS = 10

/** Milliseconds of user and system time so far, of all of them. */
export function cpuMs(pids: readonly number[]): number {
  const ticks = pids.map(pid => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [utime, stime] = stat.slice(stat.lastIndexOf(')')).split(' ').slice(12, 14)
    return Number(utime) + Number(stime)
  })
  return ticks.reduce((sum, each) => sum + each, 0) * TICK_MS
}

/** Memory that is backed by no file, of the largest of them. */
export function anonymousBytes(pids: readonly number[]): number {
  const sizes = pids.map(pid => {
    const [, kib] = /^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return Number(kib) * 1024
  })
  return Math.max(...sizes)
}

/** Of all processes that this one started and saw end. */
export function endedChildrenCpuMs(): number {
  const stat = readFileSync('/proc/self/stat', 'utf8')
  const [utime, stime] = stat.slice(stat.lastIndexOf(')')).split(' ').slice(14, 16)
  return (Number(utime) + Number(stime)) * TICK_MS
}
