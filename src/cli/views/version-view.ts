import type {MemberVersion} from '../../operator/member-versions.js'
import type {View} from '../output.js'

export interface Versions {
  readonly version: string
  readonly protocol: string
  readonly node: string
  readonly platform: string
  readonly members: readonly MemberVersion[] | null
}

export function versionView({version, protocol, node, platform, members}: Versions): View {
  const lines = [`raftctl ${version}  protocol ${protocol}  node ${node}  ${platform}`]
  if (members === null) return {lines, ids: [version]}
  return {
    lines: [...lines, ''],
    table: {
      columns: [
        {title: 'id', align: 'right'},
        {title: 'name', cut: true},
        {title: 'address'},
        {title: 'version'},
      ],
      rows: members.map(member => [
        member.id,
        member.name,
        member.address,
        member.version ?? 'UNREACHABLE',
      ]),
    },
    ids: [version],
  }
}
