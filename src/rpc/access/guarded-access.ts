import type {LogSink} from '../log.js'
import {readNamed, watchFiles} from '../watched-files.js'
import type {Access} from './gate.js'
import {parseTokens, type Tokens} from './token-file.js'

/**
 * Certificates, and the tokens of `tokenFile` where there is one. The file is read again when it
 * changes; what can't be understood is logged and the tokens before stay in force. At the start that
 * is RAFTCTL_FILE_NOT_FOUND, RAFTCTL_INPUT_OUTPUT or RAFTCTL_USAGE instead.
 */
export async function guardedAccess(
  tokenFile: string | undefined,
  log: LogSink,
): Promise<Access & {stop(): void}> {
  const listeners = new Set<() => void>()
  const onChange = (listener: () => void) => void listeners.add(listener)
  if (tokenFile === undefined) {
    return {kind: 'guarded', tokens: () => undefined, onChange, stop: () => {}}
  }
  let text = ''
  let tokens: Tokens = []
  const load = async () => {
    const now = await readNamed(tokenFile, 'file of tokens')
    if (now === text) return false
    tokens = parseTokens(now, tokenFile)
    text = now
    return true
  }
  await load()
  const watch = watchFiles([tokenFile], async () => {
    try {
      if (!(await load())) return
      log('info', 'the tokens were read again', {file: tokenFile, tokens: tokens.length})
      for (const listener of listeners) listener()
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      log('error', 'the tokens were not read again; those before stay', {file: tokenFile, why})
    }
  })
  return {kind: 'guarded', tokens: () => tokens, onChange, stop: () => watch.stop()}
}
