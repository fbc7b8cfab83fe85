/** Where rpc reports what no caller sees. `event` is one sentence; `fields` are for machines. */
export type LogSink = (
  level: 'info' | 'warn' | 'error',
  event: string,
  fields?: Readonly<Record<string, unknown>>,
) => void

export const NO_LOG: LogSink = () => {}
