import {BaseCommand, Flags} from '../src/cli/base-command.js'
import {versionView} from '../src/cli/views/version-view.js'
import {RaftctlError} from '../src/errors.js'
import {type MemberVersion, memberVersions} from '../src/operator/member-versions.js'

/** The package of the services; another one would be another protocol. */
const PROTOCOL = 'raftctl.v1'

export default class Version extends BaseCommand {
  static override summary = 'Show the version of raftctl, and those of the members.'
  static override description =
    'The members of the current context are asked for a second; a cluster that does not answer is a ' +
    'warning, not a failure.'
  static override examples = [
    '<%= config.bin %> version',
    '<%= config.bin %> version --client -q',
    '<%= config.bin %> version --json',
  ]
  static override flags = {
    client: Flags.boolean({summary: 'Of this program only: ask nobody.'}),
  }
  static override timeoutMsDefault = 1_000

  async run() {
    const {flags} = await this.parse(Version)
    const asked = flags.client ? NOBODY : await this.asked()
    const result = {
      kind: 'Version',
      version: this.config.version,
      protocol: PROTOCOL,
      node: process.versions.node,
      platform: `${process.platform}-${process.arch}`,
      ...asked,
    }
    return this.print(result, () => versionView(result))
  }

  private async asked(): Promise<Asked> {
    try {
      const {context = null} = await this.target()
      return {context, ...(await memberVersions(await this.connect())), warnings: []}
    } catch (error) {
      if (!(error instanceof RaftctlError) || error.code === 'RAFTCTL_INTERRUPTED') throw error
      // Where there is no cluster at all nothing is missing.
      if (error.code === 'RAFTCTL_CONTEXT_NOT_FOUND' && !this.argv.includes('--context')) {
        return NOBODY
      }
      return {...NOBODY, warnings: [`the members could not be asked: ${error.message}`]}
    }
  }
}

interface Asked {
  readonly context: string | null
  readonly clusterId: string | null
  /** null: nobody was asked, or nobody answered. */
  readonly members: readonly MemberVersion[] | null
  readonly warnings: readonly string[]
}

const NOBODY: Asked = {context: null, clusterId: null, members: null, warnings: []}
