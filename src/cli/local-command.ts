/** For commands about local clusters: which one is meant. */

import type {LocalCluster} from '../cluster/index.js'
import {RaftctlError} from '../errors.js'
import {BaseCommand} from './base-command.js'

export type {LocalInit, LocalInitialised} from '../cluster/index.js'

export abstract class LocalCommand extends BaseCommand {
  /** NAME or --name, not two different ones; RAFTCTL_USAGE, RAFTCTL_CLUSTER_NOT_FOUND. */
  protected async namedCluster(
    argument: string | undefined,
    flag: string | undefined,
  ): Promise<LocalCluster> {
    const {findLocalCluster} = await this.localClusters()
    return findLocalCluster(this.oneName(argument, flag), {env: this.env})
  }

  protected oneName(argument: string | undefined, flag: string | undefined): string {
    const name = argument ?? flag
    if (argument !== undefined && flag !== undefined && argument !== flag) {
      throw new RaftctlError('RAFTCTL_USAGE', `"${argument}" and --name ${flag} differ`)
    }
    if (name === undefined) {
      throw new RaftctlError('RAFTCTL_USAGE', 'which local cluster?', {
        hint: 'Give its NAME; "raftctl cluster list" shows them.',
      })
    }
    return name
  }

  /** The named one, or the one behind the current context. */
  protected async meantCluster(name: string | undefined): Promise<LocalCluster> {
    const {findLocalCluster} = await this.localClusters()
    if (name !== undefined) return findLocalCluster(name, {env: this.env})
    const {context, localCluster} = await this.target()
    if (localCluster) return findLocalCluster(localCluster.name, localCluster.directory)
    throw new RaftctlError(
      'RAFTCTL_CLUSTER_NOT_FOUND',
      context === undefined
        ? 'endpoints alone name no local cluster'
        : `context "${context}" is no local cluster`,
      {hint: 'Name a local cluster with --cluster NAME; "raftctl cluster list" shows them.'},
    )
  }
}
