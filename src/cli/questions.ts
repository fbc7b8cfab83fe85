/** What a person can be asked, whatever the terminal. */
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
