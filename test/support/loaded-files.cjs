// With --require: writes the files that a process read as code to $LOADED_FILES, a line each.
const fs = require('node:fs')
const Module = require('node:module')

const files = new Set()
const {readFileSync} = fs
fs.readFileSync = (path, ...rest) => {
  files.add(String(path))
  return readFileSync(path, ...rest)
}
const {_load} = Module
Module._load = (request, ...rest) => {
  files.add(request)
  return _load(request, ...rest)
}
process.on('exit', () => fs.writeFileSync(process.env.LOADED_FILES, [...files].join('\n')))
