import {BaseCommand} from '../../src/cli/base-command.js'
import {stateHashView} from '../../src/cli/views/kv-view.js'
import {compareState, comparisonFailure} from '../../src/operator/state-hash.js'

export default class KvHash extends BaseCommand {
  static override summary = 'Compare the state of all members at one index.'
  static override description =
    'Writes an entry at which every member takes the hash of its state, sessions included, and ' +
    'asks all of them. 0: all were asked and are equal; 14: two differ; 15: some did not answer.'
  static override examples = ['<%= config.bin %> kv hash', '<%= config.bin %> kv hash --json']
  static override timeoutMsDefault = 60_000

  async run() {
    await this.parse(KvHash)
    const comparison = await compareState(await this.connect())
    const printed = await this.print({kind: 'StateComparison', ...comparison}, () =>
      stateHashView(comparison),
    )
    const failure = comparisonFailure(comparison)
    if (failure !== undefined) throw failure
    return printed
  }
}
