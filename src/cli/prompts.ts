/** Questions, on standard error, so that standard output stays the result's. */
import {RaftctlError} from '../errors.js'
import {lineAsker} from './line-prompts.js'
import type {Asker, Choosing} from './questions.js'

/** `movesCursor`: the terminal understands control codes; without, questions are lines. */
export async function asker({movesCursor}: {readonly movesCursor: boolean}): Promise<Asker> {
  if (!movesCursor) return lineAsker()
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
