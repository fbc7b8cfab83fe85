import {RaftctlError} from '../errors.js'

interface ReadableCall<Message> {
  on(event: 'data', listener: (message: Message) => void): unknown
  on(event: string, listener: () => void): unknown
  pause(): unknown
  resume(): unknown
}

/** What a caller streams, message by message; the stream is read no faster than they are taken. */
export class MessageReader<Message> {
  readonly #call: ReadableCall<Message>
  readonly #waiting: Message[] = []
  #over = false
  #failure: RaftctlError | undefined
  #wake: () => void = () => {}
  #onCut: (error: RaftctlError) => void = () => {}

  constructor(call: ReadableCall<Message>) {
    this.#call = call
    call.on('data', (message: Message) => {
      if (this.#over) return
      this.#waiting.push(message)
      call.pause()
      this.#wake()
    })
    for (const event of ['end', 'cancelled', 'close']) call.on(event, () => this.#end())
  }

  /** undefined: the sender has ended or gone. Rejects when cut, or after `ms`. */
  async next(ms?: number): Promise<Message | undefined> {
    const late = new RaftctlError('RAFTCTL_TIMED_OUT', `nothing came within ${ms} ms`)
    const timer = ms === undefined ? undefined : setTimeout(() => this.cut(late), ms)
    try {
      for (;;) {
        if (this.#failure !== undefined) throw this.#failure
        const message = this.#waiting.shift()
        if (message !== undefined) return message
        if (this.#over) return undefined
        this.#call.resume()
        await new Promise<void>(resolve => {
          this.#wake = resolve
        })
      }
    } finally {
      clearTimeout(timer)
    }
  }

  cut(error: RaftctlError): void {
    this.#failure ??= error
    this.#over = true
    this.#wake()
    this.#onCut(error)
  }

  /** What is waited for, such as an answer that the sender must take; rejects when cut. One at a time. */
  unlessCut<T>(result: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) reject(this.#failure)
      this.#onCut = reject
      result.then(resolve, reject)
    })
  }

  #end(): void {
    this.#over = true
    this.#wake()
  }
}
