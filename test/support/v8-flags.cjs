// With --require: writes the flags that a process gives V8 to $V8_FLAGS, a line each.
const {appendFileSync} = require('node:fs')
const v8 = require('node:v8')

const {setFlagsFromString} = v8
v8.setFlagsFromString = flag => {
  appendFileSync(process.env.V8_FLAGS, `${flag}\n`)
  setFlagsFromString(flag)
}
