/**
 * The part of a topic's manual page that says what the commands themselves say: synopsis, description,
 * arguments, options, examples. `node dist/src/cli/manual.js` writes it between the two marks of each
 * man/raftctl-TOPIC.1; the rest of a page is written by hand. A test compares.
 */
import {readdirSync, readFileSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {pathToFileURL} from 'node:url'
import {packageRoot} from '../cluster/paths.js'

export interface DocumentedCommand {
  /** As typed: "member add". */
  readonly id: string
  readonly summary?: string | undefined
  readonly description?: string | undefined
  readonly examples?: readonly unknown[] | undefined
  readonly args?: Readonly<Record<string, DocumentedArgument>> | undefined
  /** Its own, without those that every command has. */
  readonly flags?: Readonly<Record<string, DocumentedFlag>> | undefined
}

interface DocumentedArgument {
  readonly description?: string | undefined
  readonly required?: boolean | undefined
  readonly hidden?: boolean | undefined
}

interface DocumentedFlag extends DocumentedArgument {
  readonly summary?: string | undefined
  readonly helpValue?: unknown
  readonly helpGroup?: string | undefined
  readonly options?: readonly string[] | undefined
  readonly type?: string | undefined
  readonly multiple?: boolean | undefined
}

export const MARKS = {begin: '.\\" commands', end: '.\\" end of commands'}

/** Roff, in the order of the ids. */
export function commandSections(commands: readonly DocumentedCommand[]): string {
  return [...commands]
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map(section)
    .join('')
}

/** The page with its part between the marks replaced; unchanged where it has none. */
export function withCommands(page: string, commands: readonly DocumentedCommand[]): string {
  const begin = page.indexOf(MARKS.begin)
  const end = page.indexOf(MARKS.end)
  if (begin === -1 || end === -1) return page
  return `${page.slice(0, begin)}${MARKS.begin}\n${commandSections(commands)}${page.slice(end)}`
}

function section({
  id,
  summary = '',
  description,
  examples,
  args,
  flags,
}: DocumentedCommand): string {
  const shownArgs = Object.entries(args ?? {}).filter(([, arg]) => arg.hidden !== true)
  const shownFlags = Object.entries(flags ?? {})
    .filter(([, flag]) => flag.hidden !== true && flag.helpGroup !== 'GLOBAL')
    .sort(([a], [b]) => (a < b ? -1 : 1))
  const usage = shownArgs.map(([name, {required}]) => {
    const upper = name.toUpperCase()
    return required ? upper : `[${upper}]`
  })
  const lines = [
    `.SS "${['raftctl', id, ...usage].join(' ')}${shownFlags.length > 0 ? ' [flags]' : ''}"`,
    text(summary),
    ...(description === undefined ? [] : ['.PP', text(description)]),
  ]
  for (const [name, arg] of shownArgs) {
    lines.push('.TP', `.I ${text(name.toUpperCase())}`, text(arg.description ?? ''))
  }
  for (const [name, flag] of shownFlags) {
    lines.push('.TP', `.B ${text(`--${name}`)}${valueText(name, flag)}`, text(flagText(flag)))
  }
  const shown = (examples ?? []).flatMap(example =>
    typeof example === 'string' ? [example.replaceAll('<%= config.bin %>', 'raftctl')] : [],
  )
  if (shown.length > 0) lines.push('.PP', '.EX', ...shown.map(text), '.EE')
  return `${lines.join('\n')}\n`
}

function flagText({summary = '', multiple, options}: DocumentedFlag): string {
  const among = options === undefined ? '' : ` One of: ${options.join(', ')}.`
  return `${summary}${multiple === true && !summary.includes('repeated') ? ' May be repeated.' : ''}${among}`
}

function valueText(name: string, {type, helpValue}: DocumentedFlag): string {
  if (type === 'boolean') return ''
  return ` ${typeof helpValue === 'string' ? helpValue : name.toUpperCase()}`
}

/** What roff would take for its own is escaped. */
function text(plain: string): string {
  const escaped = plain.replaceAll('\\', '\\e').replaceAll('-', '\\-')
  return /^[.']/.test(escaped) ? `\\&${escaped}` : escaped
}

/** Rewrites every page of a topic from oclif.manifest.json, which must be built. */
export function writeManual(root: string): void {
  const manifest = JSON.parse(readFileSync(join(root, 'oclif.manifest.json'), 'utf8')) as {
    commands: Record<string, Omit<DocumentedCommand, 'id'>>
  }
  const commands = Object.entries(manifest.commands).map(([id, command]) => ({
    ...command,
    id: id.replaceAll(':', ' '),
  }))
  for (const name of readdirSync(join(root, 'man'))) {
    const topic = topicOf(name)
    if (topic === undefined) continue
    const path = join(root, 'man', name)
    const page = readFileSync(path, 'utf8')
    writeFileSync(path, withCommands(page, ofTopic(commands, topic)))
  }
}

/** Of raftctl-TOPIC.1; undefined for any other page. */
export function topicOf(page: string): string | undefined {
  return /^raftctl-([a-z]+)\.1$/.exec(page)?.[1]
}

/** A topic's commands, or the one command that has its name. */
export function ofTopic(commands: readonly DocumentedCommand[], topic: string) {
  return commands.filter(({id}) => id === topic || id.startsWith(`${topic} `))
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) writeManual(packageRoot())
