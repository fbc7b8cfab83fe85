/** Standard output that knows when its reader has gone away, and waits for a slow one. */
import type {Sink} from './records.js'

export class StandardOutput implements Sink {
  /** The reader closed its end (`| head`): quiet from here on. */
  closed = false
  private readonly stream: NodeJS.WriteStream

  constructor(stream: NodeJS.WriteStream) {
    this.stream = stream
    // Every other error reaches whoever wrote, by the callback of the write.
    stream.on('error', (error: Error & {code?: unknown}) => {
      if (error.code === 'EPIPE') this.closed = true
    })
  }

  /** Resolves when more may be written: true, or false once the reader has gone. */
  write(data: string | Uint8Array): Promise<boolean> {
    if (this.closed || data.length === 0) return Promise.resolve(!this.closed)
    return new Promise((resolve, reject) => {
      this.stream.write(data, error => {
        if (!error) return resolve(true)
        if ((error as {code?: unknown}).code !== 'EPIPE') return reject(error)
        this.closed = true
        resolve(false)
      })
    })
  }
}
