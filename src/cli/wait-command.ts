import type {Condition} from '../operator/wait-until.js'
import {waitUntil} from '../operator/wait-until.js'
import {BaseCommand} from './base-command.js'
import {formatDuration} from './duration.js'

/** Blocks until a condition holds: 0 then, 18 after --timeout. Without one there is no limit. */
export abstract class WaitCommand extends BaseCommand {
  static override timeoutMsDefault = undefined

  protected async waitFor(condition: Condition) {
    const client = await this.connect()
    const progress = await this.progress(`waiting: ${condition.kind}`)
    const waited = await waitUntil(client, condition, {
      timeoutMs: this.timeoutMs,
      onLook: missing => progress.figures(`waiting: ${missing}`),
    })
    progress.done()
    return this.print(
      {kind: 'Waited', ...waited},
      {
        lines: [`${waited.condition} holds after ${formatDuration(waited.waitedMs)}`],
      },
    )
  }
}
