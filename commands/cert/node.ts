import {Args, BaseCommand} from '../../src/cli/base-command.js'
import {
  certificateFlags,
  certificateRecord,
  certificateView,
  certificateWish,
} from '../../src/cli/certificate-flags.js'

export default class CertNode extends BaseCommand {
  static override summary = 'Make the certificate of a node, for the names it is reached by.'
  static override examples = [
    '<%= config.bin %> cert node 10.0.0.11',
    '<%= config.bin %> cert node node1.example.org node1 10.0.0.11',
  ]
  static override args = {
    host: Args.string({required: true, description: 'names and addresses, without ports'}),
  }
  static override flags = certificateFlags(365)
  static override strict = false

  async run() {
    const {argv, flags} = await this.parse(CertNode)
    const {makeNodeCertificate} = await import('../../src/operator/certificates.js')
    const made = await makeNodeCertificate(argv as string[], certificateWish(flags, this.env))
    return this.print(certificateRecord(made), () => certificateView(made))
  }
}
