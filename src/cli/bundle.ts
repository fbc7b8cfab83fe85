/**
 * Makes dist/bundle of the built program, the last step of the build: what `launch.ts` runs. Chunks
 * are split where something is imported on demand; each is then one function, as the code cache wants
 * it, with a source map for the stack of a bug (`stack.ts`).
 */
import {mkdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {basename, join} from 'node:path'
import type {Interfaces} from '@oclif/core'
import {build, type CommonOptions, type Metafile, transform} from 'esbuild'
import {packageRoot} from '../cluster/paths.js'
import {foundBy} from './embedded.js'

const root = packageRoot()
const directory = join(root, 'dist', 'bundle')

const COMMON: CommonOptions = {
  platform: 'node',
  target: 'node20',
  minify: true,
  legalComments: 'none',
  sourcesContent: false,
  logLevel: 'warning',
}

/** Native code, and what only `cert` needs and finds its parts at run time. */
const EXTERNAL = ['lmdb', '@peculiar/x509', 'reflect-metadata']

const WRAPPER = '(function(exports,require,module,__filename,__dirname,__url){'

/** The commands by id, each a chunk of its own, and what oclif would read from files. */
function entry(): string {
  const {name, version, description, oclif} = readJson('package.json')
  const {commands} = readJson('oclif.manifest.json') as unknown as Interfaces.Manifest
  const embedded = Object.entries(commands).map(([id, command]) => {
    const file = `./dist/commands/${id.replaceAll(':', '/')}.js`
    const known = JSON.stringify(foundBy(command))
    return `${JSON.stringify(id)}: {known: ${known}, load: () => import(${JSON.stringify(file)})}`
  })
  return `
    import {packageRoot} from './dist/src/cluster/paths.js'
    import {embeddedOptions} from './dist/src/cli/embedded.js'
    import {start} from './dist/src/cli/start.js'
    const embedded = {
      root: packageRoot(),
      packageJson: ${JSON.stringify({name, version, description, oclif})},
      commands: {${embedded.join()}},
      wholeManifest: async () => (await import('./oclif.manifest.json')).default,
    }
    export const run = async argv => start(argv, await embeddedOptions(embedded, argv))`
}

function readJson(name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(root, name), 'utf8'))
}

async function writeChunks(): Promise<void> {
  const {outputFiles, metafile} = await build({
    ...COMMON,
    stdin: {contents: entry(), resolveDir: root, sourcefile: 'main.js'},
    outdir: directory,
    entryNames: 'main',
    chunkNames: '[name]-[hash]',
    bundle: true,
    format: 'esm',
    splitting: true,
    external: EXTERNAL,
    sourcemap: 'inline',
    metafile: true,
    write: false,
  })
  refuseNamelessImports(metafile)
  for (const {path, text} of outputFiles) {
    const name = basename(path)
    const {code, map} = await transform(text, {
      ...COMMON,
      sourcefile: name,
      format: 'cjs',
      supported: {'dynamic-import': false},
      define: {'import.meta.url': '__url'},
      banner: WRAPPER,
      footer: '})',
      sourcemap: 'external',
    })
    writeFileSync(join(directory, name), code)
    writeFileSync(join(directory, `${name}.map`), map)
  }
}

/**
 * Imported on demand, a CommonJS module would have nothing but a default export in the bundle, unlike in
 * the plain build: it belongs behind a file of ours that imports it by name.
 */
function refuseNamelessImports({inputs, outputs}: Metafile): void {
  const entryPoints = Object.values(outputs).flatMap(({entryPoint}) => entryPoint ?? [])
  const nameless = entryPoints.filter(path => inputs[path]?.format === 'cjs')
  if (nameless.length === 0) return
  throw new Error(`imported on demand, but CommonJS: ${nameless.join(', ')}`)
}

rmSync(directory, {recursive: true, force: true})
mkdirSync(directory, {recursive: true})
await writeChunks()
await build({
  ...COMMON,
  entryPoints: [join(root, 'dist', 'src', 'cli', 'launch.js')],
  outfile: join(directory, 'launch.cjs'),
  bundle: true,
  format: 'cjs',
})
