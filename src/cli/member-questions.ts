/** What a person is asked about members, and told before that: they may never have met Raft. */
import {failureTolerance} from '../client/quorum.js'
import type {ClusterStatus, MemberRole, MemberStatus} from '../client/types.js'
import {RaftctlError} from '../errors.js'
import {printable} from './cells.js'
import {checkEndpoint} from './endpoint.js'
import type {Asker} from './questions.js'
import {counted} from './views/cluster-view.js'

/** Answers an id. RAFTCTL_MEMBER_NOT_FOUND where nobody comes into question. */
export async function chooseMember(
  asker: Asker,
  members: readonly MemberStatus[],
  message: string,
): Promise<string> {
  if (members.length === 0) {
    throw new RaftctlError('RAFTCTL_MEMBER_NOT_FOUND', 'no member comes into question', {
      hint: 'Run "raftctl member list" to see the members.',
    })
  }
  const nameWidth = Math.max(...members.map(({name}) => name.length))
  const choices = members.map(member => {
    const {id, name, address, role} = member
    const who = `${id}  ${printable(name).padEnd(nameWidth)}`
    return {name: `${who}  ${role.padEnd(8)}  ${address}  ${stateOf(member)}`, value: String(id)}
  })
  return asker.choose({message, choices})
}

export interface Addition {
  /** undefined: a new node of the local cluster. */
  readonly address: string | undefined
  readonly role: MemberRole
}

/** Lines above the questions of `member add`; `local`: a new node can be started here. */
export function addIntroduction(
  {voters, failureTolerance: now}: ClusterStatus,
  local: boolean,
): string[] {
  const gains = toleranceOf(voters + 1) > toleranceOf(voters)
  return [
    'The voters of a cluster decide by majority what is stored for good. A new node',
    'begins as a learner: it copies the log and has no vote, so that it slows nothing',
    'down. Once it has caught up it is made a voter.',
    '',
    `There ${voters === 1 ? 'is' : 'are'} ${counted(voters, 'voter')} now: ${losses(now)} may fail. ` +
      `With ${voters + 1} it is ${losses(toleranceOf(voters + 1))}` +
      `${gains ? '.' : `; only ${voters + 2} make it ${toleranceOf(voters + 2)}.`}`,
    ...(local ? [] : START_IT_FIRST),
    '',
  ]
}

const START_IT_FIRST = [
  '',
  'Start the new node first, on its own machine and on an empty directory:',
  '  raftctl node run --listen HOST:PORT --data-dir DIRECTORY --token-file FILE …',
]

/** `local`: a new node can be started here. */
export async function askAddition(asker: Asker, local: boolean): Promise<Addition> {
  const here = await (local
    ? asker.choose({
        message: 'Which node?',
        choices: [
          {name: 'a new one, started on this machine', value: true},
          {name: 'one that runs already ("raftctl node run")', value: false},
        ],
      })
    : false)
  const address = here ? undefined : await asker.ask({...ADDRESS, check: addressCheck})
  const role = await asker.choose<MemberRole>({
    message: 'What is it to be?',
    choices: [
      {name: 'a voter, as soon as it has caught up', value: 'voter'},
      {name: 'a learner: it copies, and is made a voter when you say so', value: 'learner'},
      {name: 'an observer: it copies what is committed, and never votes', value: 'observer'},
    ],
  })
  return {address, role}
}

export interface Renaming {
  readonly name: string | undefined
  readonly address: string | undefined
}

/** Enter keeps what is. */
export async function askUpdate(asker: Asker, {name, address}: MemberStatus): Promise<Renaming> {
  const message = 'Name'
  const newName = await asker.ask({message, initial: name, check: () => true})
  const newAddress = await asker.ask({
    message: 'Address (HOST:PORT)',
    initial: address,
    check: addressCheck,
  })
  return {
    name: newName === name ? undefined : newName,
    address: newAddress === address ? undefined : newAddress,
  }
}

const ADDRESS = {message: 'Its address (HOST:PORT)', initial: ''}

function addressCheck(answer: string): true | string {
  try {
    checkEndpoint(answer)
    return true
  } catch (error) {
    if (error instanceof RaftctlError) return error.hint ?? error.message
    throw error
  }
}

function stateOf({leader, reachable, lag}: MemberStatus): string {
  if (!reachable) return 'UNREACHABLE'
  if (leader) return 'leads'
  return lag === null || lag === 0 ? '' : `${lag} behind`
}

function toleranceOf(voters: number): number {
  const all = Array.from({length: voters}, (_, at) => at)
  return failureTolerance([all], new Set(all))
}

function losses(count: number): string {
  return count === 0 ? 'none' : String(count)
}
