import type {Diagnosis} from '../../operator/doctor.js'
import type {View} from '../output.js'
import {shortId} from './status-view.js'

export function doctorView(diagnosis: Diagnosis, context: string | undefined): View {
  const {checks, findings, errorCount, warningCount} = diagnosis
  const verdict =
    errorCount > 0
      ? `${errorCount} ${errorCount === 1 ? 'error' : 'errors'}, ${warningCount} ${warningCount === 1 ? 'warning' : 'warnings'}`
      : warningCount > 0
        ? `no errors, ${warningCount} ${warningCount === 1 ? 'warning' : 'warnings'}`
        : 'nothing is wrong'
  return {
    lines: [
      `cluster ${context ?? '-'}  id ${shortId(diagnosis.clusterId)}  ${verdict}`,
      ...findings.flatMap(({severity, check, problem, why, remedy}) => [
        '',
        `${severity} (${check}): ${problem}`,
        `  why  ${why}`,
        `  do   ${remedy}`,
      ]),
      '',
    ],
    table: {
      columns: [{title: 'check'}, {title: 'state'}, {title: 'about', cut: true}],
      rows: checks.map(({check, state, about, note}) => [
        check,
        state,
        note === null ? about : `${about} (${note})`,
      ]),
    },
    ids: findings.map(({check}) => check),
  }
}
