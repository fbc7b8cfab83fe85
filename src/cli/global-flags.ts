import * as Flags from '@oclif/core/flags'
import type {Format} from './format.js'
import {FORMATS} from './format.js'

/** Flags of every command. */
export const globalFlags = {
  context: Flags.string({
    summary: 'The cluster to talk to, by the name of its context.',
    helpGroup: 'GLOBAL',
    helpValue: 'NAME',
    env: 'RAFTCTL_CONTEXT',
  }),
  endpoint: Flags.string({
    summary: 'host:port of a node; any one of a cluster is enough.',
    description: 'Before RAFTCTL_ENDPOINTS (separated by commas), before the context.',
    helpGroup: 'GLOBAL',
    helpValue: 'HOST:PORT',
    multiple: true,
    multipleNonGreedy: true,
  }),
  'token-file': Flags.string({
    summary: 'File with the token to show.',
    helpGroup: 'GLOBAL',
    helpValue: 'FILE',
    env: 'RAFTCTL_TOKEN_FILE',
  }),
  'tls-ca': Flags.string({
    summary: 'Speak TLS, and trust what this authority signed.',
    helpGroup: 'GLOBAL',
    helpValue: 'FILE',
    env: 'RAFTCTL_TLS_CA',
  }),
  'tls-cert': Flags.string({
    summary: 'Certificate to show.',
    helpGroup: 'GLOBAL',
    helpValue: 'FILE',
    env: 'RAFTCTL_TLS_CERT',
  }),
  'tls-key': Flags.string({
    summary: 'Key of that certificate.',
    helpGroup: 'GLOBAL',
    helpValue: 'FILE',
    env: 'RAFTCTL_TLS_KEY',
  }),
  timeout: Flags.string({
    summary: 'How long to try: 500ms, 10s, 5m.',
    helpGroup: 'GLOBAL',
    helpValue: 'DURATION',
  }),
  output: Flags.option({
    char: 'o',
    summary: 'How to print the result.',
    options: FORMATS as readonly Format[],
    helpGroup: 'GLOBAL',
    exclusive: ['json'],
  })(),
  json: Flags.boolean({summary: 'The same as -o json.', helpGroup: 'GLOBAL'}),
  quiet: Flags.boolean({char: 'q', summary: 'Print ids only.', helpGroup: 'GLOBAL'}),
  verbose: Flags.boolean({summary: 'Say more, also when it fails.', helpGroup: 'GLOBAL'}),
  yes: Flags.boolean({char: 'y', summary: 'Answer yes to every question.', helpGroup: 'GLOBAL'}),
}

/** What `globalFlags` parses to. */
export interface GlobalFlags {
  readonly context?: string
  readonly endpoint?: readonly string[]
  readonly 'token-file'?: string
  readonly 'tls-ca'?: string
  readonly 'tls-cert'?: string
  readonly 'tls-key'?: string
  readonly timeout?: string
  readonly output?: Format
  readonly json: boolean
  readonly quiet: boolean
  readonly verbose: boolean
  readonly yes: boolean
}
