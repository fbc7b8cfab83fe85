import {join, resolve} from 'node:path'
import * as Flags from '@oclif/core/flags'
import type {Environment} from '../cluster/paths.js'
import {configHome} from '../cluster/paths.js'
import type {CertificateWish, MadeCertificate} from '../operator/certificates.js'
import type {View} from './output.js'

/** What every command that makes a certificate takes. */
export function certificateFlags(days: number) {
  return {
    dir: Flags.string({
      summary: 'Where the certificates are, instead of "certs" beside the contexts.',
      helpValue: 'DIR',
    }),
    days: Flags.integer({summary: 'How long it is valid.', min: 1, max: 36_500, default: days}),
    overwrite: Flags.boolean({summary: 'Replace the files that are there.'}),
  }
}

export function certificateWish(
  flags: {readonly dir?: string | undefined; readonly days: number; readonly overwrite: boolean},
  env: Environment,
): CertificateWish {
  const directory = flags.dir === undefined ? join(configHome(env), 'certs') : resolve(flags.dir)
  return {directory, days: flags.days, overwrite: flags.overwrite}
}

export function certificateRecord(made: MadeCertificate) {
  return {kind: 'Certificate', ...made}
}

export function certificateView(made: MadeCertificate): View {
  return {
    lines: [
      `${made.subject}  until ${made.notAfter}`,
      `certificate  ${made.certPath}`,
      `key          ${made.keyPath}`,
      `authority    ${made.caPath}`,
    ],
    ids: [made.certPath],
  }
}
