/**
 *   this process ── bridge ──┬── veth ── namespace of node 1
 *                            └── veth ── namespace of node 2 ...
 *
 * Each namespace has a fixed entry for every neighbour. A link is cut by an entry that leads nowhere:
 * packets leave and never arrive, in that direction only, and connections live on as they would.
 */
import {spawn} from 'node:child_process'
import {randomInt} from 'node:crypto'
import type {Link, Network, Place} from './network.js'

const PORT = 7400
/** Nobody has it. */
const NOWHERE = '02:00:00:00:00:00'

/** Rejects where there is no iproute2, or not the right to use it: nothing is left behind. */
export async function networkOfNamespaces(nodes: number): Promise<Network> {
  if (process.platform !== 'linux') throw new Error('network namespaces need Linux')
  // 198.18.0.0/15 is set apart for measurements of networks.
  const net = randomInt(1, 255)
  const bridge = `rctl${process.pid}`
  const nameOf = (node: number) => `${bridge}-${node + 1}`
  const hostOf = (node: number) => `198.18.${net}.${node + 1}`
  const macOf = (node: number) => `02:00:c6:12:${hex(net)}:${hex(node + 1)}`
  const all = Array.from({length: nodes}, (_, i) => i)
  let severed: readonly Link[] = []

  const close = async () => {
    for (const node of all) await ip([`netns del ${nameOf(node)}`]).catch(() => {})
    await ip([`link del ${bridge}`]).catch(() => {})
  }
  try {
    await ip([
      `link add ${bridge} type bridge`,
      `addr add 198.18.${net}.254/24 dev ${bridge}`,
      `link set ${bridge} up`,
    ])
    for (const node of all) {
      const name = nameOf(node)
      await ip([
        `netns add ${name}`,
        `link add ${name} type veth peer name eth0 netns ${name}`,
        `link set ${name} master ${bridge} up`,
      ])
      await ip(
        [
          'link set lo up',
          `link set eth0 address ${macOf(node)} up`,
          `addr add ${hostOf(node)}/24 dev eth0`,
          ...all.filter(other => other !== node).map(other => neighbour(other, macOf(other))),
        ],
        name,
      )
    }
  } catch (error) {
    await close()
    throw error
  }

  function neighbour(node: number, mac: string): string {
    return `neigh replace ${hostOf(node)} lladdr ${mac} nud permanent dev eth0`
  }
  return {
    kind: 'namespaces',
    places: all.map((node): Place => {
      const address = `${hostOf(node)}:${PORT}`
      return {address, listen: address, within: ['ip', 'netns', 'exec', nameOf(node)]}
    }),
    async cut(links) {
      const lines = new Map<number, string[]>()
      const add = (node: number, line: string) => {
        lines.set(node, [...(lines.get(node) ?? []), line])
      }
      for (const [from, to] of severed) add(from, neighbour(to, macOf(to)))
      for (const [from, to] of links) add(from, neighbour(to, NOWHERE))
      severed = links
      await Promise.all([...lines].map(([node, batch]) => ip(batch, nameOf(node))))
    },
    close,
  }
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0')
}

/** Runs lines of `ip`, in a namespace where one is named; the first that fails rejects. */
function ip(lines: readonly string[], namespace?: string): Promise<void> {
  const where = namespace === undefined ? [] : ['-n', namespace]
  return new Promise((done, failed) => {
    const child = spawn('ip', [...where, '-batch', '-'], {stdio: ['pipe', 'ignore', 'pipe']})
    let complaint = ''
    child.stderr.on('data', (text: Buffer) => {
      complaint += text.toString()
    })
    child.once('error', failed)
    child.once('close', status => {
      if (status === 0) done()
      else failed(new Error(`ip ${lines.join('; ')}: ${complaint.trim()}`))
    })
    child.stdin.on('error', () => {})
    child.stdin.end(`${lines.join('\n')}\n`)
  })
}
