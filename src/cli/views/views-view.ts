import type {MemberViews} from '../../operator/member-views.js'
import type {View} from '../output.js'

export function memberViewsView({items, agreed}: MemberViews): View {
  return {
    table: {
      columns: [
        {title: 'id', align: 'right'},
        {title: 'name', cut: true},
        {title: 'state'},
        {title: 'follows', align: 'right'},
        {title: 'term', align: 'right'},
        {title: 'committed', align: 'right'},
        {title: 'applied', align: 'right'},
        {title: 'membership', align: 'right'},
        {title: 'voters'},
        {title: 'learners'},
        {title: 'observers', wide: true},
        {title: 'address', wide: true},
      ],
      rows: items.map(item => [
        item.id,
        item.name,
        item.reachable ? item.raftRole : 'UNREACHABLE',
        item.leaderId,
        item.term,
        item.commitIndex,
        item.appliedIndex,
        item.membershipIndex,
        item.voters?.join(',') ?? null,
        item.learners?.length ? item.learners.join(',') : null,
        item.observers?.length ? item.observers.join(',') : null,
        item.address,
      ]),
    },
    after: agreed ? [] : ['they do not agree on leader, term or membership (yet)'],
    ids: items.map(item => item.id),
  }
}
