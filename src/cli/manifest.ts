/**
 * Writes oclif.manifest.json, with which the shell starts without loading every command. The last
 * step of the build, so that it can't be older than what it describes.
 */
import {readFileSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {Plugin} from '@oclif/core'
import {packageRoot} from '../cluster/paths.js'

const root = packageRoot()
const {version} = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {version: string}
const plugin = new Plugin({
  root,
  type: 'core',
  isRoot: true,
  ignoreManifest: true,
  errorOnManifestCreate: true,
})
await plugin.load()
const {commands} = plugin.manifest
writeFileSync(
  join(root, 'oclif.manifest.json'),
  `${JSON.stringify({commands, version}, null, 2)}\n`,
)
