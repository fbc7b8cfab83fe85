/** Questions, on standard error, so that standard output stays the result's. */
import {RaftctlError} from '../errors.js'

export interface Question {
  readonly message: string
  readonly initial: string
  /** true, or what is wrong with the answer. */
  readonly check: (answer: string) => true | string | Promise<true | string>
}

export interface Choice<T> {
  /** One line. */
  readonly name: string
  readonly value: T
}

export interface Choosing<T> {
  readonly message: string
  /** The first one is what Enter takes. */
  readonly choices: readonly Choice<T>[]
}

/** What a person can be asked. A prompt that is closed or interrupted rejects: status 130. */
export interface Asker {
  ask(question: Question): Promise<string>
  choose<T>(choosing: Choosing<T>): Promise<T>
  confirm(message: string, initial: boolean): Promise<boolean>
}

/** `movesCursor`: the terminal understands control codes; without, questions are lines. */
export async function asker({movesCursor}: {readonly movesCursor: boolean}): Promise<Asker> {
  if (!movesCursor) return (await import('./line-prompts.js')).lineAsker()
  const {default: inquirer} = await import('inquirer')
  const prompt = inquirer.createPromptModule({output: process.stderr})
  return {
    async ask({message, initial, check}) {
      const validate = (text: string) => check(text)
      const input = {type: 'input', name: 'answer', message, default: initial, validate} as const
      return String((await prompt([input])).answer)
    },
    async choose<T>({message, choices}: Choosing<T>) {
      const list = choices.map(({name}, at) => ({name, value: at}))
      const {answer} = await prompt([{type: 'select', name: 'answer', message, choices: list}])
      return choices[Number(answer)]!.value
    },
    async confirm(message, initial) {
      const yesOrNo = {type: 'confirm', name: 'answer', message, default: initial} as const
      return (await prompt([yesOrNo])).answer === true
    },
  }
}

/** What a question becomes where nobody can answer. */
export function nobodyToAsk(message: string): RaftctlError {
  return new RaftctlError('RAFTCTL_USAGE', `can't ask without a terminal: ${message}`, {
    hint: 'Run it with --yes to agree beforehand.',
  })
}
