/** Questions, on standard error, so that standard output stays the result's. */
import {RaftctlError} from '../errors.js'

export interface Question {
  readonly message: string
  readonly initial: string
  /** true, or what is wrong with the answer. */
  readonly check: (answer: string) => true | string
}

/** A closed or interrupted prompt rejects; the shell makes that status 130. */
export async function ask(question: Question): Promise<string> {
  const prompt = await prompter()
  const {answer} = await prompt([
    {
      type: 'input',
      name: 'answer',
      message: question.message,
      default: question.initial,
      validate: (text: string) => question.check(text),
    },
  ])
  return String(answer)
}

export async function confirm(message: string, initial: boolean): Promise<boolean> {
  const prompt = await prompter()
  const {answer} = await prompt([{type: 'confirm', name: 'answer', message, default: initial}])
  return answer === true
}

/** What a question becomes where nobody can answer. */
export function nobodyToAsk(message: string): RaftctlError {
  return new RaftctlError('RAFTCTL_USAGE', `can't ask without a terminal: ${message}`, {
    hint: 'Run it with --yes to agree beforehand.',
  })
}

async function prompter() {
  const {default: inquirer} = await import('inquirer')
  return inquirer.createPromptModule({output: process.stderr})
}
