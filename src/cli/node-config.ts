import {readFile} from 'node:fs/promises'
import {dirname, resolve} from 'node:path'
import {isMap, isScalar, LineCounter, type Node, type Pair, parseDocument, type Scalar} from 'yaml'
import {RaftctlError} from '../errors.js'
import {nearest} from './nearest.js'
import {nodeSettingFlags, PATH_SETTINGS} from './node-flags.js'

/** A setting of a configuration file, and where it stands. */
export interface ConfiguredSetting {
  readonly text: string
  /** "node.yaml, line 3" */
  readonly place: string
}

/**
 * The settings of a YAML file: a mapping from the names of flags to values. Paths in it are relative
 * to it. RAFTCTL_FILE_NOT_FOUND, RAFTCTL_INPUT_OUTPUT; RAFTCTL_USAGE names file, line and, where a
 * name is not known, the one that was probably meant.
 */
export async function readNodeConfig(path: string): Promise<Map<string, ConfiguredSetting>> {
  const text = await readFile(path, 'utf8').catch(error => {
    throw unreadable(path, error)
  })
  const lines = new LineCounter()
  const document = parseDocument(text, {lineCounter: lines})
  const placeOf = (offset: number) => `${path}, line ${lines.linePos(offset).line}`
  const [error] = document.errors
  if (error !== undefined) {
    const [what] = error.message.split(' at line ', 1)
    throw wrong(placeOf(error.pos[0]), what!, 'The file is YAML: a line "name: value" a setting.')
  }
  const {contents} = document
  const settings = new Map<string, ConfiguredSetting>()
  if (contents === null) return settings
  if (!isMap(contents)) {
    throw wrong(placeOf(contents.range?.[0] ?? 0), 'settings are lines "name: value"')
  }
  for (const {key, value} of contents.items as Pair<Scalar, Node | null>[]) {
    const place = placeOf(key.range?.[0] ?? 0)
    const name = String(key.value)
    if (!Object.hasOwn(nodeSettingFlags, name)) throw unknown(place, name)
    const given = textOf(place, name, value)
    settings.set(name, {
      place,
      text: PATH_SETTINGS.has(name) ? resolve(dirname(path), given) : given,
    })
  }
  return settings
}

function textOf(place: string, name: string, value: Node | null): string {
  if (!isScalar(value)) throw wrong(place, `"${name}" takes one value`)
  if (value.value === null || value.value === '') throw wrong(place, `"${name}" has no value`)
  // As it was written: a number must not be rounded on its way.
  return typeof value.value === 'string' ? value.value : (value.source ?? String(value.value))
}

function unknown(place: string, name: string): RaftctlError {
  const names = Object.keys(nodeSettingFlags)
  const meant = nearest(name, names)
  const hint = meant === undefined ? `There are: ${names.join(', ')}.` : `Did you mean "${meant}"?`
  return wrong(place, `there is no setting "${name}"`, hint)
}

function wrong(place: string, what: string, hint = 'See raftctl-node(1).'): RaftctlError {
  return new RaftctlError('RAFTCTL_USAGE', `${place}: ${what}`, {hint})
}

function unreadable(path: string, error: NodeJS.ErrnoException): RaftctlError {
  const isMissing = error.code === 'ENOENT' || error.code === 'ENOTDIR'
  return isMissing
    ? new RaftctlError('RAFTCTL_FILE_NOT_FOUND', `there is no configuration at ${path}`)
    : new RaftctlError('RAFTCTL_INPUT_OUTPUT', `can't read ${path} (${error.code})`, {cause: error})
}
