/** The checks of `doctor`: each looks at the evidence only, and can be planted in a test. */
import {hasQuorum, majorityOf} from '../client/quorum.js'
import type {MemberStatus, NodeStatus} from '../client/types.js'
import type {Evidence} from './evidence.js'
import type {Finding} from './finding.js'
import {spellMember} from './resolve-member.js'

type Found = Omit<Finding, 'check'>

export interface Check {
  readonly check: string
  readonly about: string
  /** What is wrong; or why it could not be looked at. */
  look(evidence: Evidence): readonly Found[] | string
}

const SKEW_MS_MAX = 1_000
const DISK_ERROR_SHARE = 0.05
const DISK_ERROR_BYTES = 256 * 1024 * 1024
const DISK_WARNING_SHARE = 0.15
const SNAPSHOT_ENTRIES_MAX = 50_000
const SNAPSHOT_AGE_MS_MAX = 7 * 24 * 3_600_000
/** Entries since it was taken that make an old snapshot worth a word. */
const SNAPSHOT_AGE_ENTRIES = 1_000
const LEARNER_AGE_MS_MAX = 10 * 60_000

export const CHECKS: readonly Check[] = [
  {check: 'leader', about: 'a member leads, and a quorum follows', look: leaderAndQuorum},
  {check: 'one-leader', about: 'one leader a term', look: oneLeader},
  {check: 'one-cluster', about: 'one cluster behind the endpoints', look: oneCluster},
  {check: 'members', about: 'every member answers, on its own disk, up to date', look: members},
  {check: 'membership', about: 'all have the same membership', look: sameMembership},
  {check: 'stage', about: 'no membership change is stuck', look: stage},
  {check: 'order', about: 'applied <= committed <= last', look: order},
  {check: 'log', about: 'all have the same committed entries', look: sameLog},
  {check: 'state', about: 'all have the same state', look: sameState},
  {check: 'disk', about: 'space on the disks', look: disk},
  {check: 'clock', about: 'clocks agree', look: clock},
  {check: 'snapshots', about: 'snapshots are recent', look: snapshots},
  {check: 'files', about: 'no file was found damaged', look: files},
  {check: 'learners', about: 'no learner was forgotten', look: learners},
  {check: 'voters', about: 'an odd number of voters, three or more', look: voters},
  {check: 'versions', about: 'one version everywhere', look: versions},
]

const error = (exit: Found['exit'], memberId: number | null, text: Text): Found => ({
  severity: 'error',
  exit,
  memberId,
  ...text,
})
const warning = (memberId: number | null, text: Text): Found => ({
  severity: 'warning',
  exit: 10,
  memberId,
  ...text,
})
type Text = Pick<Found, 'problem' | 'why' | 'remedy'>

function leaderAndQuorum({status}: Evidence): Found[] {
  const voting = status.members.filter(({role}) => role === 'voter')
  if (status.leaderId === null) {
    const answering = voting.filter(({reachable}) => reachable).length
    return [
      error(11, null, {
        problem: `no member leads; ${answering} of ${status.voters} voters answer, ${status.quorum} are needed`,
        why: 'Nothing can be written, and nothing read that must be up to date.',
        remedy: 'Start the members that do not answer; elections need a majority.',
      }),
    ]
  }
  const heard = new Set(voting.filter(member => member.heard).map(({id}) => id))
  if (hasQuorum([voting.map(({id}) => id)], heard)) return []
  return [
    error(11, status.leaderId, {
      problem: `the leader hears ${heard.size} of ${voting.length} voters, ${majorityOf(voting.length)} are needed`,
      why: 'It is about to step down: nothing it takes can be committed.',
      remedy: 'Start the members that do not answer.',
    }),
  ]
}

function oneLeader({nodes}: Evidence): Found[] {
  const leaders = nodes.filter(({raftRole}) => raftRole === 'leader')
  return leaders.flatMap((one, i) =>
    leaders
      .slice(i + 1)
      .filter(other => other.term === one.term)
      .map(other =>
        error(14, other.nodeId, {
          problem: `members ${one.nodeId} and ${other.nodeId} both lead in term ${one.term}`,
          why: 'Raft elects one leader a term: two of them can commit different entries.',
          remedy: `Stop one of them now, and compare: "raftctl log diff ${one.nodeId} ${other.nodeId}".`,
        }),
      ),
  )
}

function oneCluster({clusterId, answers}: Evidence): Found[] {
  return answers
    .filter(({node}) => node !== undefined && node.clusterId !== '' && node.clusterId !== clusterId)
    .map(({address, node}) =>
      error(10, null, {
        problem: `${address} belongs to cluster ${node!.clusterId}, not to ${clusterId}`,
        why: 'Commands could go to one cluster or the other.',
        remedy: `Take ${address} out of the endpoints, or use a context for each cluster.`,
      }),
    )
}

function members({status}: Evidence): Found[] {
  return status.members.flatMap(member => memberFindings(member))
}

function memberFindings(member: MemberStatus): Found[] {
  const {id, role, lag} = member
  const who = spellMember(member)
  if (member.blankData) {
    return [
      error(10, id, {
        problem: `${who} runs on an empty data directory`,
        why: 'It lost what it had promised to keep, so it takes part in nothing.',
        remedy: `Start it on its own data, or run "raftctl member replace ${id}".`,
      }),
    ]
  }
  if (!member.reachable) {
    const heard = member.heard === true ? ' (the leader hears it)' : ''
    return [
      error(10, id, {
        problem: `${who} does not answer: ${member.unreachableReason}${heard}`,
        why:
          role === 'voter'
            ? 'One failure less can be survived.'
            : 'What it holds grows old meanwhile.',
        remedy: `Start its node, or run "raftctl member replace ${id}".`,
      }),
    ]
  }
  if (member.upToDate !== false || role === 'observer') return []
  return [
    error(10, id, {
      problem: `${who} is not up to date: ${lag ?? 'an unknown number of'} entries behind, connection ${member.connection ?? 'unknown'}`,
      why:
        role === 'voter'
          ? 'It does not help to commit, and could not lead.'
          : 'It can not be promoted before it has caught up.',
      remedy: 'See "raftctl status" whether the lag shrinks; else look at its disk and network.',
    }),
  ]
}

function sameMembership({nodes, onOldMembership, status}: Evidence): Found[] {
  const byIndex = new Map<number, {node: NodeStatus; text: string}>()
  const found: Found[] = []
  for (const node of nodes) {
    const {index, voters, votersOutgoing, learners, observers} = node.membership
    const text = JSON.stringify([voters, votersOutgoing, learners, observers])
    const other = byIndex.get(index)
    if (other === undefined) byIndex.set(index, {node, text})
    else if (other.text !== text) {
      found.push(
        error(14, node.nodeId, {
          problem: `members ${other.node.nodeId} and ${node.nodeId} have different memberships of index ${index}`,
          why: 'Their majorities may not overlap: both could commit.',
          remedy: `Stop member ${node.nodeId} and compare: "raftctl log diff ${other.node.nodeId} ${node.nodeId}".`,
        }),
      )
    }
  }
  const behind = onOldMembership.map(node =>
    error(10, node.nodeId, {
      problem: `member ${node.nodeId} goes by the membership of index ${node.membership.index}, others by ${status.membershipIndex}`,
      why: 'It may count members that are gone, and miss those that came.',
      remedy: 'See "raftctl status" whether it applies entries; if not, restart its node.',
    }),
  )
  return [...found, ...behind]
}

function stage({status}: Evidence): Found[] {
  if (status.stage === 'uniform') return []
  return [
    warning(null, {
      problem: `a membership change is under way (${status.stage})`,
      why: 'Until it is done no other change is taken, and both majorities are needed in between.',
      remedy:
        status.stage === 'joint'
          ? 'The leader finishes it by itself as soon as both majorities answer.'
          : 'Wait for its learners, or give it up: "raftctl member set --cancel".',
    }),
  ]
}

function order({nodes}: Evidence): Found[] {
  return nodes
    .filter(
      ({appliedIndex, commitIndex, lastIndex}) =>
        appliedIndex > commitIndex || commitIndex > lastIndex,
    )
    .map(({nodeId, appliedIndex, commitIndex, lastIndex}) =>
      error(14, nodeId, {
        problem: `member ${nodeId} has applied ${appliedIndex}, committed ${commitIndex}, and ends at ${lastIndex}`,
        why: 'It acts on entries that it does not hold.',
        remedy: `Stop it, look at its log with "raftctl log verify", and replace it: "raftctl member replace ${nodeId}".`,
      }),
    )
}

function sameLog({comparisons}: Evidence): Found[] | string {
  const diverged = comparisons.flatMap(comparison =>
    comparison.kind === 'compared' && comparison.diff.verdict === 'divergence' ? [comparison] : [],
  )
  const skipped = comparisons.find(({kind}) => kind === 'skipped')
  if (diverged.length === 0 && skipped?.kind === 'skipped') {
    return `members ${skipped.members.join(' and ')}: ${skipped.why}`
  }
  return diverged.map(({members: [a, b], diff}) =>
    error(14, b, {
      problem: `members ${a} and ${b} differ in the committed entry ${diff.differsAt} (terms ${diff.termA} and ${diff.termB})`,
      why: 'They hold different histories: what one answers, another never heard of.',
      remedy: `Stop writing; see "raftctl log diff ${a} ${b}" and "raftctl log show ${diff.differsAt} --member ${b}".`,
    }),
  )
}

function sameState({state, skipped}: Evidence): Found[] | string {
  if (state === undefined) {
    return skipped.find(why => why.startsWith('state:')) ?? 'only with --state: it writes an entry'
  }
  if (state.equal) return []
  const hashes = state.members.map(({id, hash}) => `${id}: ${hash?.slice(0, 8) ?? '-'}`).join(', ')
  return [
    error(14, null, {
      problem: `the states of the members differ at index ${state.index} (${hashes})`,
      why: 'The same question is answered differently, depending on who leads.',
      remedy: 'Stop writing; replace the member that is alone: "raftctl member replace".',
    }),
  ]
}

function disk({nodes}: Evidence): Found[] | string {
  const known = nodes.filter(({diskTotalBytes}) => diskTotalBytes !== null)
  if (known.length === 0) return 'no member tells how full its disk is'
  return known.flatMap(({nodeId, diskFreeBytes, diskTotalBytes}) => {
    const free = diskFreeBytes ?? 0
    const share = free / diskTotalBytes!
    const text = {
      problem: `the disk of member ${nodeId} has ${mebibytes(free)} free, ${Math.round(share * 100)}%`,
      why: 'A node that can not write stops.',
      remedy: 'Free or add space; "raftctl snapshot create" lets the log be shortened.',
    }
    if (share < DISK_ERROR_SHARE || free < DISK_ERROR_BYTES) return [error(10, nodeId, text)]
    return share < DISK_WARNING_SHARE ? [warning(nodeId, text)] : []
  })
}

function clock({answers, nodes}: Evidence): Found[] {
  return answers
    .filter(({node}) => nodes.some(mine => mine === node))
    .filter(({skewMs, uncertaintyMs}) => Math.abs(skewMs) - uncertaintyMs > SKEW_MS_MAX)
    .map(({node, skewMs}) =>
      warning(node!.nodeId, {
        problem: `the clock of member ${node!.nodeId} is ${Math.round(Math.abs(skewMs))} ms ${skewMs > 0 ? 'ahead of' : 'behind'} ours`,
        why: 'Raft does not go by clocks, but logs, histories and certificates do.',
        remedy: 'Synchronise its clock (NTP).',
      }),
    )
}

function snapshots({nodes, snapshots: newest, nowMs, skipped}: Evidence): Found[] | string {
  if (newest.size === 0) return skipped[0] ?? 'no member tells of its snapshots'
  return nodes
    .filter(({nodeId}) => newest.has(nodeId))
    .flatMap(({nodeId, appliedIndex}) => {
      const snapshot = newest.get(nodeId)
      const since = appliedIndex - (snapshot?.index ?? 0)
      const ageMs = snapshot === undefined ? 0 : nowMs - Date.parse(snapshot.created)
      const old = ageMs > SNAPSHOT_AGE_MS_MAX && since > SNAPSHOT_AGE_ENTRIES
      if (since <= SNAPSHOT_ENTRIES_MAX && !old) return []
      return [
        warning(nodeId, {
          problem:
            snapshot === undefined
              ? `member ${nodeId} has applied ${since} entries and has no snapshot`
              : `the newest snapshot of member ${nodeId} is ${since} entries old, of ${snapshot.created}`,
          why: 'Its log grows, and a restart or a new member takes longer.',
          remedy: `Take one: "raftctl snapshot create --member ${nodeId}".`,
        }),
      ]
    })
}

function files({nodes}: Evidence): Found[] {
  return nodes.flatMap(({nodeId, damagedFiles}) =>
    damagedFiles.map(({file, problem}) =>
      error(14, nodeId, {
        problem: `member ${nodeId} has set a damaged file aside: ${file} (${problem})`,
        why: 'Its disk changed what was synced: other files may be next.',
        remedy:
          `Look after the disk. Then "raftctl snapshot create --member ${nodeId}", and remove the ` +
          `file with "raftctl snapshot delete ID --member ${nodeId}".`,
      }),
    ),
  )
}

function learners({status, history, nowMs}: Evidence): Found[] {
  return status.members
    .filter(({role, caughtUp}) => role === 'learner' && caughtUp === true)
    .filter(({id}) => nowMs - addedMs(id, history) > LEARNER_AGE_MS_MAX)
    .map(member =>
      warning(member.id, {
        problem: `${spellMember(member)} has caught up, and still is a learner`,
        why: 'It counts in no quorum: its loss and its help go unnoticed.',
        remedy: `Run "raftctl member promote ${member.id}", or leave it if that is meant.`,
      }),
    )
}

/** When it came to its role; 0 where nobody knows. What the leader did by itself has no time. */
function addedMs(id: number, history: Evidence['history']): number {
  const newestFirst = [...history].reverse()
  const since = newestFirst.findIndex(({membership}) => !membership.learners.includes(id))
  const began = since === -1 ? newestFirst.length - 1 : since - 1
  const timed = newestFirst.slice(Math.max(0, began)).find(({time}) => time !== null)
  return timed?.time == null ? 0 : Date.parse(timed.time)
}

function voters({status}: Evidence): Found[] {
  const {voters: count, stage: now} = status
  if (now !== 'uniform') return []
  if (count === 1) {
    return [
      warning(null, {
        problem: 'there is one voter only',
        why: 'Its failure ends the service, and the loss of its disk loses the data.',
        remedy: 'Add two with "raftctl member add".',
      }),
    ]
  }
  if (count % 2 !== 0) return []
  return [
    warning(null, {
      problem: `there are ${count} voters, an even number`,
      why: `They survive no more failures than ${count - 1} would, and each write waits for one more.`,
      remedy: 'Add one with "raftctl member add", or make one a learner: "raftctl member demote".',
    }),
  ]
}

function versions({nodes}: Evidence): Found[] {
  const seen = [...new Set(nodes.map(({version}) => version))].sort()
  if (seen.length < 2) return []
  const named = nodes.map(({nodeId, version}) => `${nodeId}: ${version}`).join(', ')
  return [
    warning(null, {
      problem: `the members run ${seen.length} versions (${named})`,
      why: 'Fine during an upgrade; afterwards it means that one was forgotten.',
      remedy: 'Finish the upgrade, one member after the other, the leader last.',
    }),
  ]
}

function mebibytes(bytes: number): string {
  return `${Math.floor(bytes / (1024 * 1024))} MiB`
}
