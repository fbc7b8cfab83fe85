/** What `init` asks a person who gave no flags. */
import {checkName} from '../cluster/paths.js'
import {RaftctlError} from '../errors.js'
import type {Question} from './prompts.js'

export interface InitWish {
  readonly name: string
  readonly nodes: number
}

export const NODES_MAX = 9

export async function askInit(
  ask: (question: Question) => Promise<string>,
  initial: InitWish,
): Promise<InitWish> {
  const name = await ask({message: 'Name of the cluster', initial: initial.name, check: nameCheck})
  const nodes = await ask({
    message: `How many nodes (1 to ${NODES_MAX}; 3 survive the loss of one, 5 of two)`,
    initial: String(initial.nodes),
    check: nodesCheck,
  })
  return {name, nodes: Number(nodes)}
}

/** What will be done, in a sentence a person can agree to. */
export function initPlan({name, nodes}: InitWish, dataDir: string, foreground: boolean): string {
  const how = foreground ? 'within this process' : 'as processes in the background'
  return `Start ${nodes} node${nodes === 1 ? '' : 's'} ${how}, cluster "${name}", data in ${dataDir}`
}

function nameCheck(answer: string): true | string {
  try {
    checkName(answer)
    return true
  } catch (error) {
    if (error instanceof RaftctlError) return error.hint ?? error.message
    throw error
  }
}

function nodesCheck(answer: string): true | string {
  return /^[1-9]$/.test(answer) || `A number from 1 to ${NODES_MAX}.`
}
