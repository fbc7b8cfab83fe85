/**
 * The commands of a bundle, for oclif: what it would otherwise find by reading package.json, its
 * manifest and one file a command.
 */
import type {Command, Interfaces} from '@oclif/core'

export interface Embedded {
  /** The directory of package.json. */
  readonly root: string
  readonly packageJson: Interfaces.PJSON
  /** By id ("kv:put"), with no more of the manifest than it takes to find a command. */
  readonly commands: Readonly<Record<string, EmbeddedCommand>>
  /** For help, and for what is no command. */
  readonly wholeManifest: () => Promise<Interfaces.Manifest>
}

interface EmbeddedCommand {
  readonly known: FoundBy
  /** Loads this command and no other. */
  readonly load: () => Promise<{readonly default: Command.Class}>
}

const FOUND_BY = ['id', 'aliases', 'hiddenAliases', 'hidden', 'strict', 'args'] as const
export type FoundBy = Pick<Command.Cached, (typeof FOUND_BY)[number]>

export function foundBy(command: Command.Cached): FoundBy {
  const {args} = command
  const named = Object.fromEntries(Object.entries(args).map(([name]) => [name, {name}]))
  const kept = Object.fromEntries(FOUND_BY.map(field => [field, command[field]]))
  return {...(kept as FoundBy), args: named}
}

/** What oclif's `run` takes in place of a path, for one command line. */
export async function embeddedOptions(
  embedded: Embedded,
  argv: readonly string[],
): Promise<Interfaces.LoadOptions> {
  const {root, packageJson, commands, wholeManifest} = embedded
  const known = namesCommand(argv, commands)
    ? Object.values(commands).map(command => command.known as Command.Cached)
    : Object.values((await wholeManifest()).commands)
  const plugin = embeddedPlugin(embedded, known)
  return {root, pjson: packageJson, plugins: new Map([[packageJson.name, plugin]])}
}

/** Whether nothing but the command itself, or the version, is asked for. */
function namesCommand(argv: readonly string[], commands: Embedded['commands']): boolean {
  if (argv[0] === '--version') return true
  if (argv.includes('--help')) return false
  const end = argv.findIndex(word => word.startsWith('-'))
  const words = end === -1 ? argv : argv.slice(0, end)
  return words.some((_, i) => commands[words.slice(0, i + 1).join(':')] !== undefined)
}

function embeddedPlugin(
  {root, packageJson, commands}: Embedded,
  known: readonly Command.Cached[],
): Interfaces.Plugin {
  const {name, version, oclif} = packageJson
  const load = async (id: string): Promise<Command.Class> => {
    const {default: command} = await commands[id]!.load()
    command.id = id
    command.plugin = plugin
    return command
  }
  const plugin: Interfaces.Plugin = {
    _base: name,
    alias: name,
    commandsDir: undefined,
    commandIDs: Object.keys(commands),
    commands: known.map(command => ({
      ...command,
      load: () => load(command.id),
      pluginAlias: name,
      pluginType: 'core',
    })),
    findCommand: load as Interfaces.Plugin['findCommand'],
    hasManifest: true,
    hooks: {},
    isRoot: true,
    load: async () => {},
    moduleType: 'commonjs',
    name,
    options: {root},
    pjson: packageJson,
    root,
    topics: Object.entries(oclif.topics ?? {}).map(([topic, about]) => ({...about, name: topic})),
    type: 'core',
    valid: true,
    version,
  }
  return plugin
}
