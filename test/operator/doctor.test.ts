import {expect, test} from 'vitest'
import {mergeStatus} from '../../src/client/cluster-status.js'
import type {AppliedMembership, MembershipView, NodeStatus} from '../../src/client/types.js'
import {type Diagnosis, examine, exitOf} from '../../src/operator/doctor.js'
import type {Answer, Comparison, Evidence} from '../../src/operator/evidence.js'
import {answersOf, type Shape} from './status-of.js'

const NOW_MS = Date.parse('2026-01-01T00:00:00.000Z')
const GIB = 1024 ** 3

type Nodes = (nodes: NodeStatus[]) => NodeStatus[]

/** A cluster as it looks when all is well, changed by `plant` before it is examined. */
function diagnosisOf(
  shape: Shape,
  plant: {
    nodes?: Nodes
    answers?: (answers: Answer[]) => Answer[]
    evidence?: (evidence: Evidence) => Partial<Evidence>
  } = {},
): Diagnosis {
  const same: Nodes = all => all
  const nodes = (plant.nodes ?? same)(
    answersOf(shape).map(node => ({
      ...node,
      diskFreeBytes: 50 * GIB,
      diskTotalBytes: 100 * GIB,
    })),
  )
  const answers = nodes.map(node => ({
    address: node.endpoint,
    configured: true,
    node,
    failure: undefined,
    skewMs: 3,
    uncertaintyMs: 5,
  }))
  const asked = plant.answers?.(answers) ?? answers
  const strangers = asked.flatMap(({node}) =>
    node !== undefined && node.clusterId !== 'c1' ? [node] : [],
  )
  const evidence: Evidence = {
    clusterId: 'c1',
    answers: asked,
    status: mergeStatus('c1', {answers: nodes, failures: new Map(), strangers}),
    nodes,
    onOldMembership: [],
    comparisons: [],
    snapshots: new Map(nodes.map(({nodeId}) => [nodeId, undefined])),
    history: [],
    state: {index: 9, equal: true, hash: 'aa', members: []},
    skipped: [],
    nowMs: NOW_MS,
  }
  return examine({...evidence, ...plant.evidence?.(evidence)})
}

const found = ({findings}: Diagnosis) =>
  findings.map(({check, severity, memberId}) => [check, severity, memberId])

const three = {voters: [1, 2, 3]}
const change = (id: number, fields: Partial<NodeStatus>): Nodes => {
  return nodes => nodes.map(node => (node.nodeId === id ? {...node, ...fields} : node))
}

test('a healthy cluster has nothing to be found', () => {
  const diagnosis = diagnosisOf(three)

  expect(diagnosis).toMatchObject({healthy: true, errorCount: 0, warningCount: 0, findings: []})
  expect(diagnosis.checks.filter(({state}) => state !== 'ok')).toEqual([])
  expect(exitOf(diagnosis, 'warning')).toBe(0)
})

const faults: {
  title: string
  diagnosis: () => Diagnosis
  finds: unknown[]
  exit: number
}[] = [
  {
    title: 'nobody leads',
    diagnosis: () =>
      diagnosisOf(three, {
        nodes: nodes => nodes.map(node => ({...node, raftRole: 'follower', progress: []})),
      }),
    finds: [['leader', 'error', null]],
    exit: 11,
  },
  {
    title: 'a leader that hears no quorum',
    diagnosis: () => diagnosisOf({...three, dead: [2, 3]}),
    finds: [
      ['leader', 'error', 1],
      ['members', 'error', 2],
      ['members', 'error', 3],
    ],
    exit: 11,
  },
  {
    title: 'two leaders in one term',
    diagnosis: () => diagnosisOf(three, {nodes: change(2, {raftRole: 'leader'})}),
    finds: [['one-leader', 'error', 2]],
    exit: 14,
  },
  {
    title: 'an old leader that has not heard of the new term is no fault',
    diagnosis: () => diagnosisOf(three, {nodes: change(2, {raftRole: 'leader', term: 2})}),
    finds: [],
    exit: 0,
  },
  {
    title: 'two clusters behind one context',
    diagnosis: () =>
      diagnosisOf(three, {
        answers: answers => [
          ...answers,
          {
            ...answers[0]!,
            address: '10.0.0.9:7400',
            node: {...answers[0]!.node!, endpoint: '10.0.0.9:7400', clusterId: 'c2'},
          },
        ],
      }),
    finds: [['one-cluster', 'error', null]],
    exit: 10,
  },
  {
    title: 'a member that does not answer',
    diagnosis: () => diagnosisOf({...three, dead: [3]}),
    finds: [['members', 'error', 3]],
    exit: 10,
  },
  {
    title: 'a member that lags',
    diagnosis: () => diagnosisOf({...three, lagging: [3]}),
    finds: [['members', 'error', 3]],
    exit: 10,
  },
  {
    title: 'a member on an empty disk',
    diagnosis: () =>
      diagnosisOf(three, {
        nodes: nodes =>
          nodes.map(node => ({
            ...node,
            progress: node.progress.map(peer =>
              peer.id === 3 ? {...peer, connection: 'blank-data'} : peer,
            ),
          })),
      }),
    finds: [['members', 'error', 3]],
    exit: 10,
  },
  {
    title: 'a member on an old membership',
    diagnosis: () =>
      diagnosisOf(three, {
        evidence: ({nodes}) => ({
          onOldMembership: nodes
            .filter(({nodeId}) => nodeId === 2)
            .map(node => ({...node, membership: {...node.membership, index: 4}})),
        }),
      }),
    finds: [['membership', 'error', 2]],
    exit: 10,
  },
  {
    title: 'different memberships of one index',
    diagnosis: () =>
      diagnosisOf(three, {
        nodes: nodes =>
          nodes.map(node =>
            node.nodeId === 3 ? {...node, membership: {...node.membership, voters: [1, 2]}} : node,
          ),
      }),
    finds: [['membership', 'error', 3]],
    exit: 14,
  },
  {
    title: 'a change that is under way',
    diagnosis: () =>
      diagnosisOf(three, {
        nodes: nodes =>
          nodes.map(node => ({...node, membership: {...node.membership, stage: 'learner-sync'}})),
      }),
    finds: [['stage', 'warning', null]],
    exit: 0,
  },
  {
    title: 'more applied than committed',
    diagnosis: () => diagnosisOf(three, {nodes: change(2, {appliedIndex: 5001})}),
    finds: [['order', 'error', 2]],
    exit: 14,
  },
  {
    title: 'more committed than held',
    diagnosis: () => diagnosisOf(three, {nodes: change(2, {lastIndex: 4999})}),
    finds: [['order', 'error', 2]],
    exit: 14,
  },
  {
    title: 'a log that diverged',
    diagnosis: () => diagnosisOf(three, {evidence: () => ({comparisons: [divergence]})}),
    finds: [['log', 'error', 2]],
    exit: 14,
  },
  {
    title: 'states that differ',
    diagnosis: () =>
      diagnosisOf(three, {
        evidence: () => ({
          state: {
            index: 9,
            equal: false,
            hash: null,
            members: [1, 2].map(id => ({
              id,
              name: '',
              role: 'voter',
              hash: `hash-${id}`,
              problem: null,
            })),
          },
        }),
      }),
    finds: [['state', 'error', null]],
    exit: 14,
  },
  {
    title: 'a disk that is nearly full',
    diagnosis: () => diagnosisOf(three, {nodes: change(3, {diskFreeBytes: 4 * GIB})}),
    finds: [['disk', 'error', 3]],
    exit: 10,
  },
  {
    title: 'a disk that fills up',
    diagnosis: () => diagnosisOf(three, {nodes: change(3, {diskFreeBytes: 14 * GIB})}),
    finds: [['disk', 'warning', 3]],
    exit: 0,
  },
  {
    title: 'a clock that is off',
    diagnosis: () =>
      diagnosisOf(three, {
        answers: ([first, ...others]) => [{...first!, skewMs: -1_200}, ...others],
      }),
    finds: [['clock', 'warning', 1]],
    exit: 0,
  },
  {
    title: 'an answer that took too long to tell the time by is no fault',
    diagnosis: () =>
      diagnosisOf(three, {
        answers: ([first, ...others]) => [
          {...first!, skewMs: -1_200, uncertaintyMs: 700},
          ...others,
        ],
      }),
    finds: [],
    exit: 0,
  },
  {
    title: 'a log that outgrew its snapshot',
    diagnosis: () => diagnosisOf(three, {nodes: change(2, grown(60_000))}),
    finds: [['snapshots', 'warning', 2]],
    exit: 0,
  },
  {
    title: 'a snapshot of last month',
    diagnosis: () =>
      diagnosisOf(three, {
        evidence: ({snapshots}) => ({
          snapshots: new Map([...snapshots, [3, {...snapshot, created: '2025-12-01T00:00:00Z'}]]),
        }),
      }),
    finds: [['snapshots', 'warning', 3]],
    exit: 0,
  },
  {
    title: 'a learner that nobody promoted',
    diagnosis: () => withLearner('2025-12-31T23:00:00Z'),
    finds: [['learners', 'warning', 4]],
    exit: 0,
  },
  {
    title: 'a learner of a minute ago is no fault',
    diagnosis: () => withLearner('2025-12-31T23:59:00Z'),
    finds: [],
    exit: 0,
  },
  {
    title: 'an even number of voters',
    diagnosis: () => diagnosisOf({voters: [1, 2, 3, 4]}),
    finds: [['voters', 'warning', null]],
    exit: 0,
  },
  {
    title: 'a single voter',
    diagnosis: () => diagnosisOf({voters: [1]}),
    finds: [['voters', 'warning', null]],
    exit: 0,
  },
  {
    title: 'mixed versions',
    diagnosis: () => diagnosisOf(three, {nodes: change(2, {version: '0.9.0'})}),
    finds: [['versions', 'warning', null]],
    exit: 0,
  },
]

for (const {title, diagnosis, finds, exit} of faults) {
  test(title, () => {
    const result = diagnosis()

    expect(found(result)).toEqual(finds)
    expect(exitOf(result, 'error')).toBe(exit)
    expect(exitOf(result, 'warning')).toBe(finds.length > 0 ? exit || 10 : 0)
    for (const {problem, why, remedy} of result.findings) {
      expect([problem, why, remedy].every(text => text.length > 10)).toBe(true)
    }
  })
}

test('the gravest finding decides the status', () => {
  const diagnosis = diagnosisOf({...three, dead: [3]}, {nodes: change(2, {raftRole: 'leader'})})

  expect(exitOf(diagnosis, 'error')).toBe(14)
})

test('a log that could not be compared is skipped, and says why', () => {
  const comparison: Comparison = {kind: 'skipped', members: [1, 2], why: 'not authorised'}

  const {checks, findings} = diagnosisOf(three, {evidence: () => ({comparisons: [comparison]})})

  expect(findings).toEqual([])
  expect(checks.find(({check}) => check === 'log')).toMatchObject({
    state: 'skipped',
    note: 'members 1 and 2: not authorised',
  })
})

const end = {name: 'x', firstIndex: 1, commitIndex: 5000, lastIndex: 5000}
const divergence: Comparison = {
  kind: 'compared',
  members: [1, 2],
  diff: {
    verdict: 'divergence',
    a: end,
    b: end,
    comparedFrom: 1,
    comparedTo: 5000,
    differsAt: 17,
    termA: 2,
    termB: 3,
  },
}

const snapshot = {
  id: '1-100',
  index: 100,
  term: 1,
  sizeBytes: 1,
  created: '2026-01-01T00:00:00Z',
  nodeId: 3,
}

function grown(index: number): Partial<NodeStatus> {
  return {appliedIndex: index, commitIndex: index, lastIndex: index}
}

function withLearner(time: string): Diagnosis {
  const learner = (membership: MembershipView, isIn: boolean): AppliedMembership => ({
    term: 1,
    membership: {...membership, learners: isIn ? [4] : []},
    time: isIn ? time : '2025-01-01T00:00:00Z',
    actor: 'me@here',
    reason: '',
  })
  return diagnosisOf(
    {...three, learners: [4]},
    {
      nodes: nodes =>
        nodes.map(node => ({
          ...node,
          progress: node.progress.map(peer => ({...peer, caughtUp: peer.id === 4})),
        })),
      evidence: ({nodes}) => ({
        history: [learner(nodes[0]!.membership, false), learner(nodes[0]!.membership, true)],
      }),
    },
  )
}
