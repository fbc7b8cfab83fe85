import type {Context, Contexts} from '../contexts.js'
import type {View} from '../output.js'
import {shortId} from './status-view.js'

/** A context as --json shows it: paths of files, no secret. */
export function contextRecord(context: Context, current: string | undefined) {
  const remote = context.kind === 'remote'
  return {
    name: context.name,
    type: context.kind,
    current: context.name === current,
    clusterId: context.clusterId ?? null,
    endpoints: remote ? context.endpoints : null,
    directory: remote ? null : context.directory,
    security: remote ? (context.security ?? {}) : null,
  }
}

export function contextsView({contexts, current}: Contexts): View {
  return {
    table: {
      columns: [
        {title: 'name'},
        {title: 'type'},
        {title: 'current'},
        {title: 'id'},
        {title: 'where', cut: true},
      ],
      rows: contexts.map(context => [
        context.name,
        context.kind,
        context.name === current ? 'current' : null,
        shortId(context.clusterId),
        context.kind === 'remote' ? context.endpoints.join(',') : context.directory,
      ]),
    },
    ids: contexts.map(context => context.name),
  }
}
