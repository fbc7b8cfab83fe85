/** What may stand at the cursor, from the manifest of the commands alone: no network, no files. */

import {printable} from '../cells.js'

export interface ManifestFlag {
  readonly type: string
  readonly char?: string | undefined
  readonly summary?: string | undefined
  readonly hidden?: boolean | undefined
  readonly multiple?: boolean | undefined
  readonly helpValue?: unknown
  readonly options?: readonly string[] | undefined
}

interface ManifestArgument {
  readonly hidden?: boolean | undefined
  readonly options?: readonly string[] | undefined
}

export interface ManifestCommand {
  readonly summary?: string | undefined
  readonly hidden?: boolean | undefined
  readonly strict?: boolean | undefined
  readonly args?: Readonly<Record<string, ManifestArgument>> | undefined
  readonly flags?: Readonly<Record<string, ManifestFlag>> | undefined
}

export interface Vocabulary {
  /** By id: "member:add". */
  readonly commands: Readonly<Record<string, ManifestCommand>>
  /** What each topic is about. */
  readonly topics: Readonly<Record<string, {readonly description?: string | undefined}>>
}

export interface Word {
  readonly word: string
  readonly about: string
}

/** What the shell reads. A name that a cluster tells does not pass for a line of its own. */
export function linesOf(words: readonly Word[]): string {
  return words.map(({word, about}) => `${printable(word)}\t${printable(about)}\n`).join('')
}

/** Names that only a look at the machine or the cluster tells. */
export type Names = 'members' | 'contexts' | 'clusters' | 'files'

export type Completion =
  | {readonly kind: 'words'; readonly words: readonly Word[]}
  | {readonly kind: 'names'; readonly of: Names; readonly flags: GivenFlags}

/** Those that say which cluster is meant. */
export interface GivenFlags {
  readonly context: string | undefined
  readonly endpoints: readonly string[]
  /** --cluster, or --name of a command about local clusters. */
  readonly cluster: string | undefined
}

/** `typed`: everything between the program and the cursor; its last word is the one to complete. */
export function completionsAt(typed: readonly string[], vocabulary: Vocabulary): Completion {
  // bash takes "=" for a word of its own.
  const line = typed
    .flatMap(word => splitFlag(word))
    .filter((word, i, all) => {
      return word !== '=' || i === all.length - 1
    })
  // Behind "help" stands what helps itself.
  if (line[0] === 'help' && line.length > 1) line.shift()
  const current = line.at(-1) === '=' ? '' : (line.at(-1) ?? '')
  const before = line.slice(0, -1)
  const {id, command, values, open, flags} = parse(before, vocabulary)

  if (open !== undefined) return ofFlag(open.name, open.flag, flags, id)
  if (before.includes('--')) return NOTHING
  if (current.startsWith('-')) return ofWords(flagWords(command, vocabulary), current)
  if (command === undefined) {
    return values.length > 0 ? NOTHING : ofWords(nextWords(id, vocabulary), current)
  }
  return ofArgument(id, command, values, flags, current)
}

const NOTHING: Completion = {kind: 'words', words: []}

/** --flag=value is two words. */
function splitFlag(word: string): string[] {
  const match = /^(--[a-z-]+)=(.*)$/s.exec(word)
  return match === null ? [word] : [match[1]!, match[2]!]
}

interface Parsed {
  /** As far as it is typed: "member:add", or a topic. */
  readonly id: string
  readonly command: ManifestCommand | undefined
  /** Arguments that are there already. */
  readonly values: readonly string[]
  /** The flag whose value is to come. */
  readonly open: {readonly name: string; readonly flag: ManifestFlag} | undefined
  readonly flags: GivenFlags
}

function parse(before: readonly string[], {commands}: Vocabulary): Parsed {
  const ids = Object.keys(commands)
  let id = ''
  let open: Parsed['open']
  const values: string[] = []
  const given: Record<string, string[]> = {}
  for (const word of before) {
    if (open !== undefined) {
      given[open.name] = [...(given[open.name] ?? []), word]
      open = undefined
      continue
    }
    if (word.startsWith('-')) {
      const found = flagNamed(word, commands[id] ?? anyCommand(commands))
      open = found?.flag.type === 'option' ? found : undefined
      continue
    }
    const longer = id === '' ? word : `${id}:${word}`
    const known = ids.some(other => other === longer || other.startsWith(`${longer}:`))
    if (known && values.length === 0) id = longer
    else values.push(word)
  }
  const [cluster] = given.cluster ?? given.name ?? []
  const flags = {context: given.context?.at(-1), endpoints: given.endpoint ?? [], cluster}
  return {id, command: commands[id], values, open, flags}
}

/** Before a command is typed, the flags that all have. */
function anyCommand(commands: Vocabulary['commands']): ManifestCommand | undefined {
  return commands.status
}

function flagNamed(word: string, command: ManifestCommand | undefined) {
  const entry = Object.entries(command?.flags ?? {}).find(
    ([name, {char}]) => word === `--${name}` || (char !== undefined && word === `-${char}`),
  )
  return entry === undefined ? undefined : {name: entry[0], flag: entry[1]}
}

function flagWords(command: ManifestCommand | undefined, {commands}: Vocabulary): Word[] {
  return Object.entries((command ?? anyCommand(commands))?.flags ?? {})
    .filter(([, {hidden}]) => hidden !== true)
    .map(([name, {summary = ''}]) => ({word: `--${name}`, about: summary}))
    .concat([{word: '--help', about: 'Show how it is used.'}])
}

/** Topics and commands that may follow. */
function nextWords(id: string, {commands, topics}: Vocabulary): Word[] {
  const prefix = id === '' ? '' : `${id}:`
  const words = new Map<string, string>()
  for (const [other, {summary = '', hidden}] of Object.entries(commands)) {
    if (hidden === true || !other.startsWith(prefix)) continue
    const [word, deeper] = other.slice(prefix.length).split(':')
    if (word === undefined || word === '') continue
    const about = deeper === undefined ? summary : (topics[word]?.description ?? '')
    words.set(word, about)
  }
  if (id === '') words.set('help', 'Show how a command is used.')
  return [...words].map(([word, about]) => ({word, about}))
}

function ofWords(words: readonly Word[], current: string): Completion {
  return {kind: 'words', words: words.filter(({word}) => word.startsWith(current))}
}

function ofFlag(name: string, flag: ManifestFlag, flags: GivenFlags, id: string): Completion {
  const {options, helpValue} = flag
  if (options !== undefined) {
    return {kind: 'words', words: options.map(word => ({word, about: ''}))}
  }
  const of = namesOfFlag(name, helpValue, id)
  return of === undefined ? NOTHING : {kind: 'names', of, flags}
}

function namesOfFlag(name: string, helpValue: unknown, id: string): Names | undefined {
  if (helpValue === 'MEMBER') return 'members'
  if (name === 'context') return 'contexts'
  if (name === 'cluster' || (name === 'name' && id.startsWith('cluster:'))) return 'clusters'
  return /^(?:FILE|DIR|DIRECTORY)$/.test(String(helpValue)) || name === 'data-dir'
    ? 'files'
    : undefined
}

function ofArgument(
  id: string,
  {args = {}, strict = true}: ManifestCommand,
  values: readonly string[],
  flags: GivenFlags,
  current: string,
): Completion {
  const names = Object.keys(args)
  const name = names[values.length] ?? (strict ? undefined : names.at(-1))
  if (name === undefined) return NOTHING
  const {options} = args[name]!
  if (options !== undefined) {
    return ofWords(
      options.map(word => ({word, about: ''})),
      current,
    )
  }
  const of = namesOfArgument(id, name)
  return of === undefined ? NOTHING : {kind: 'names', of, flags}
}

function namesOfArgument(id: string, name: string): Names | undefined {
  if (name === 'member' || name === 'members' || id === 'log:diff') return 'members'
  if (name === 'name' && id.startsWith('cluster:')) return 'clusters'
  if (name === 'name' && id.startsWith('context:') && id !== 'context:add') return 'contexts'
  return name === 'file' ? 'files' : undefined
}
