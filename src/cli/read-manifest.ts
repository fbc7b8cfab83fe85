/** The commands as the build wrote them down, and what their topics are about. */
import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {packageRoot} from '../cluster/paths.js'
import type {Vocabulary} from './completion/words.js'

export function readManifest(): Vocabulary {
  const root = packageRoot()
  const read = (name: string) => JSON.parse(readFileSync(join(root, name), 'utf8'))
  return {commands: read('oclif.manifest.json').commands, topics: read('package.json').oclif.topics}
}
