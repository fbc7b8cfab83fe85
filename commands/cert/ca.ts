import {BaseCommand} from '../../src/cli/base-command.js'
import {
  certificateFlags,
  certificateRecord,
  certificateView,
  certificateWish,
} from '../../src/cli/certificate-flags.js'

export default class CertCa extends BaseCommand {
  static override summary = 'Make an authority of your own, which signs nodes and clients.'
  static override description =
    'Whoever holds its key can make certificates of any role: keep ca.key apart from the nodes.'
  static override examples = ['<%= config.bin %> cert ca']
  static override flags = certificateFlags(3650)

  async run() {
    const {flags} = await this.parse(CertCa)
    const {makeAuthority} = await import('../../src/operator/certificates.js')
    const made = await makeAuthority(certificateWish(flags, this.env))
    return this.print(certificateRecord(made), () => certificateView(made))
  }
}
