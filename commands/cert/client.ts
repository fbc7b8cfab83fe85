import {Args, BaseCommand, Flags} from '../../src/cli/base-command.js'
import {
  certificateFlags,
  certificateRecord,
  certificateView,
  certificateWish,
} from '../../src/cli/certificate-flags.js'
import {CLIENT_ROLES} from '../../src/operator/client-roles.js'

export default class CertClient extends BaseCommand {
  static override summary = 'Make the certificate of a client, with its role in it.'
  static override examples = ['<%= config.bin %> cert client alice --role admin']
  static override args = {
    name: Args.string({required: true, description: 'who it is for'}),
  }
  static override flags = {
    ...certificateFlags(365),
    role: Flags.option({
      summary: 'What it may do; each includes those after it.',
      options: CLIENT_ROLES,
      required: true,
    })(),
  }

  async run() {
    const {args, flags} = await this.parse(CertClient)
    const {makeClientCertificate} = await import('../../src/operator/certificates.js')
    const wish = certificateWish(flags, this.env)
    const made = await makeClientCertificate(args.name, flags.role, wish)
    return this.print(certificateRecord(made), () => certificateView(made))
  }
}
