/** From what must be seen to what only a search for a fault needs. */
export const LOG_LEVELS = ['error', 'warn', 'info', 'debug', 'trace'] as const

export type LogLevel = (typeof LOG_LEVELS)[number]

/** Where rpc reports what no caller sees. `event` is one sentence; `fields` are for machines. */
export type LogSink = (
  level: LogLevel,
  event: string,
  fields?: Readonly<Record<string, unknown>>,
) => void

export const NO_LOG: LogSink = () => {}
