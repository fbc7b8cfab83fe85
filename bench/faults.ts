/** What a history of a real cluster goes through: each fault begins, lasts, and is over when it returns. */
import {setTimeout as delay} from 'node:timers/promises'
import {between, from, type Link, type Network} from './network/network.js'
import type {NodeProcess} from './node-process.js'
import {type Random, shuffled} from './random.js'

export interface Scene {
  readonly network: Network
  readonly nodes: readonly NodeProcess[]
  /** The place of whoever leads when the fault begins. */
  readonly leader: number
  readonly random: Random
  /** How long a fault lasts, milliseconds. */
  readonly lastsMs: number
}

type Fault = (scene: Scene) => Promise<void>

const FLAP_MS = 150

export const FAULTS = {
  'leader-isolated': scene => cut(scene, between([scene.leader], everybody(scene))),
  /** It goes on sending, and hears nobody. */
  'leader-deaf': scene => cut(scene, from(everybody(scene), [scene.leader])),
  /** It hears everybody, and nobody hears it. */
  'leader-mute': scene => cut(scene, from([scene.leader], everybody(scene))),
  'leader-in-minority': scene => {
    const [one, ...others] = followers(scene)
    return cut(scene, between([scene.leader, one!], others))
  },
  'leader-in-majority': scene => {
    const [one, two, ...others] = followers(scene)
    return cut(scene, between([one!, two!], [scene.leader, ...others]))
  },
  /** Two halves, and one node that sees both. */
  bridge: scene => {
    const [, one, ...others] = followers(scene)
    return cut(scene, between([scene.leader, one!], others))
  },
  /** Everybody sees a majority, and no two the same. */
  ring: scene => {
    const circle = shuffled(everybody(scene), scene.random)
    const count = circle.length
    const links = circle.flatMap((node, i) => between([node], [circle[(i + 2) % count]!]))
    return cut(scene, links)
  },
  'some-directions': scene => {
    const all = from(everybody(scene), everybody(scene))
    return cut(
      scene,
      all.filter(() => scene.random(3) === 0),
    )
  },
  flapping: async scene => {
    const end = performance.now() + scene.lastsMs
    while (performance.now() < end) {
      await scene.network.cut(between([scene.leader], everybody(scene)))
      await delay(scene.random(FLAP_MS))
      await scene.network.cut([])
      await delay(scene.random(FLAP_MS))
    }
  },
  'leader-killed': async scene => {
    await scene.nodes[scene.leader]!.kill()
    await delay(scene.lastsMs)
    await scene.nodes[scene.leader]!.start()
  },
  'leader-paused': async scene => {
    scene.nodes[scene.leader]!.pause()
    await delay(scene.lastsMs)
    scene.nodes[scene.leader]!.resume()
  },
  /** A follower is killed while the leader is alone: the others are just enough. */
  'isolated-and-killed': async scene => {
    const [victim] = followers(scene)
    await scene.network.cut(between([scene.leader], everybody(scene)))
    await scene.nodes[victim!]!.kill()
    await delay(scene.lastsMs)
    await scene.network.cut([])
    await scene.nodes[victim!]!.start()
  },
} as const satisfies Record<string, Fault>

export type FaultName = keyof typeof FAULTS

export const FAULT_NAMES = Object.keys(FAULTS) as readonly FaultName[]

async function cut({network, lastsMs}: Scene, links: readonly Link[]): Promise<void> {
  await network.cut(links)
  await delay(lastsMs)
  await network.cut([])
}

function everybody({nodes}: Scene): number[] {
  return nodes.map((_, i) => i)
}

function followers(scene: Scene): number[] {
  const others = everybody(scene).filter(i => i !== scene.leader)
  return shuffled(others, scene.random)
}
