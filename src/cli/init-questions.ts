/** What `init` asks a person who gave no flags, and what it says before it does it. */
import {checkName, tilde} from '../cluster/paths.js'
import {RaftctlError} from '../errors.js'
import type {Asker} from './questions.js'

export interface InitWish {
  readonly name: string
  readonly nodes: number
}

export const NODES_MAX = 9

/** Above the first question, for whoever has never met Raft. */
export const INIT_INTRODUCTION = [
  'A Raft cluster keeps one log on several nodes. One of them leads; what a',
  'majority has stored is safe, and the cluster goes on while a majority works.',
  'This makes one of node processes on this machine, to try it out. For nodes on',
  'several machines see "raftctl init --help".',
  '',
]

const SIZES: readonly (InitWish['nodes'] | 'other')[] = [3, 5, 1, 'other']

/** `taken`: names that a new cluster can't have. */
export async function askInit(
  {ask, choose}: Asker,
  initial: InitWish,
  taken: ReadonlySet<string>,
): Promise<InitWish> {
  const name = await ask({
    message: 'Name of the cluster',
    initial: freeName(initial.name, taken),
    check: answer => nameCheck(answer, taken),
  })
  const size = await choose({
    message: 'How many nodes?',
    choices: SIZES.map(value => ({name: sizeText(value), value})),
  })
  if (size !== 'other') return {name, nodes: size}
  const message = `How many (1 to ${NODES_MAX}; an odd number survives the most)`
  const nodes = await ask({message, initial: '7', check: nodesCheck})
  return {name, nodes: Number(nodes)}
}

export interface InitPlan extends InitWish {
  readonly directory: string
  readonly foreground: boolean
}

/** What will be done, a line each, for a person to agree to. */
export function initPlan(
  {name, nodes, directory, foreground}: InitPlan,
  env: Readonly<Record<string, string | undefined>>,
): string[] {
  const how = foreground ? 'within this process' : 'in the background, on free ports of 127.0.0.1'
  return [
    `start    ${nodes} node${nodes === 1 ? '' : 's'} ${how}`,
    `data     ${tilde(directory, env)}`,
    `context  ${name}: how commands name this cluster`,
    `undo     raftctl cluster destroy ${name}`,
  ]
}

function sizeText(size: number | 'other'): string {
  if (size === 'other') return 'another number'
  const losses = Math.floor((size - 1) / 2)
  if (losses === 0) return '1: survives no loss, the least that works'
  return `${size}: survives the loss of ${losses}${size === 3 ? ', what most clusters have' : ''}`
}

function freeName(name: string, taken: ReadonlySet<string>): string {
  if (!taken.has(name)) return name
  for (let number = 2; ; number++) if (!taken.has(`${name}-${number}`)) return `${name}-${number}`
}

function nameCheck(answer: string, taken: ReadonlySet<string>): true | string {
  try {
    checkName(answer)
  } catch (error) {
    if (error instanceof RaftctlError) return error.hint ?? error.message
    throw error
  }
  return !taken.has(answer) || `There is a cluster or a context "${answer}" already.`
}

function nodesCheck(answer: string): true | string {
  return /^[1-9]$/.test(answer) || `A number from 1 to ${NODES_MAX}.`
}
