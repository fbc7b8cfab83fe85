#!/usr/bin/env node
const {dirname, join} = require('node:path')

const dist = join(dirname(__dirname), 'dist')
const plain = join(dist, 'src', 'cli', 'start.js')

function bundled() {
  try {
    return require('../dist/bundle/launch.cjs').launcher(join(dist, 'bundle'), plain)
  } catch {
    return undefined
  }
}

const run = bundled() ?? (async argv => (await import('../dist/src/cli/start.js')).start(argv))
run(process.argv.slice(2))
