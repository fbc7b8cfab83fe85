/** Questions for a terminal that only knows lines (TERM=dumb): nothing moves, nothing is redrawn. */
import {createInterface} from 'node:readline/promises'
import {RaftctlError} from '../errors.js'
import type {Asker, Choosing} from './questions.js'

export function lineAsker(): Asker {
  return {
    async ask({message, initial, check}) {
      return until<string>(`? ${message} (${initial}) `, async line => {
        const answer = line === '' ? initial : line
        const verdict = await check(answer)
        return verdict === true ? {answer} : {wrong: verdict}
      })
    },
    async choose<T>({message, choices}: Choosing<T>) {
      const list = choices.map(({name}, at) => `  ${at + 1}) ${name}\n`).join('')
      process.stderr.write(`? ${message}\n${list}`)
      return until<T>('  number (1) ', async line => {
        const chosen = choices[Number(line === '' ? '1' : line) - 1]
        return chosen === undefined
          ? {wrong: `A number from 1 to ${choices.length}.`}
          : {answer: chosen.value}
      })
    },
    async confirm(message, initial) {
      return until<boolean>(`? ${message} (${initial ? 'Y/n' : 'y/N'}) `, async line => {
        if (line === '') return {answer: initial}
        return /^(?:y|yes|n|no)$/i.test(line)
          ? {answer: /^y/i.test(line)}
          : {wrong: 'Answer y or n.'}
      })
    },
  }
}

/** Asks again until the answer can be taken. */
async function until<T>(
  prompt: string,
  judge: (line: string) => Promise<{readonly answer: T} | {readonly wrong: string}>,
): Promise<T> {
  for (;;) {
    const verdict = await judge(await oneLine(prompt))
    if ('answer' in verdict) return verdict.answer
    process.stderr.write(`  ${verdict.wrong}\n`)
  }
}

async function oneLine(prompt: string): Promise<string> {
  const lines = createInterface({input: process.stdin, output: process.stderr, terminal: false})
  const closed = new Promise<never>((_, reject) => {
    lines.once('close', () => reject(new RaftctlError('RAFTCTL_INTERRUPTED', 'interrupted')))
  })
  try {
    const answer = await Promise.race([lines.question(prompt), closed])
    return answer.trim()
  } finally {
    closed.catch(() => {})
    lines.close()
  }
}
