/** Where the XDG base directories put things, and where this package lies. */
import {existsSync} from 'node:fs'
import {homedir} from 'node:os'
import {dirname, isAbsolute, join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {RaftctlError} from '../errors.js'

export type Environment = Readonly<Record<string, string | undefined>>

export function dataHome(env: Environment): string {
  return join(base(env, 'XDG_DATA_HOME', '.local/share'), 'raftctl')
}

export function configHome(env: Environment): string {
  return join(base(env, 'XDG_CONFIG_HOME', '.config'), 'raftctl')
}

/** Holds one directory (or a link to one) per local cluster. */
export function clustersHome(env: Environment): string {
  return join(dataHome(env), 'clusters')
}

/** The directory of package.json and bin/, from the sources as from dist. */
export function packageRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(directory, 'bin', 'run.js'))) {
    const parent = dirname(directory)
    if (parent === directory) throw new Error('bin/run.js is not part of this installation')
    directory = parent
  }
  return directory
}

/** For people: the home directory as "~". */
export function tilde(path: string, env: Environment): string {
  const home = homeOf(env)
  return path === home || path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path
}

/**
 * Names of clusters, nodes and contexts: a letter, then letters, digits, "-" and "_", at most 63.
 * Never all digits, so that a name is no id, and never a path. RAFTCTL_USAGE.
 */
export function checkName(name: string, what = 'cluster'): string {
  if (!/^[A-Za-z][A-Za-z0-9_-]{0,62}$/.test(name)) {
    throw new RaftctlError('RAFTCTL_USAGE', `"${name}" can't be the name of a ${what}`, {
      hint: 'A name begins with a letter, then letters, digits, "-" and "_", 63 at most.',
    })
  }
  return name
}

/** The specification says that a relative path is to be ignored. */
function base(env: Environment, variable: string, fallback: string): string {
  const value = env[variable]
  return value !== undefined && isAbsolute(value) ? value : join(homeOf(env), fallback)
}

function homeOf(env: Environment): string {
  const home = env.HOME
  return home !== undefined && isAbsolute(home) ? home : homedir()
}
