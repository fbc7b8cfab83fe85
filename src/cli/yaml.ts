/** YAML of plain JSON values: block style, strings quoted whenever they could be read otherwise. */
type Json = string | number | boolean | null | Json[] | {[key: string]: Json}

export function toYaml(value: Json): string {
  return `${block(value, 0)}\n`.replace(/^\n/, '')
}

function block(value: Json, depth: number): string {
  const indent = '  '.repeat(depth)
  if (Array.isArray(value)) {
    if (value.length === 0) return ' []'
    return value.map(item => `\n${indent}-${firstOnDash(item, depth)}`).join('')
  }
  if (value !== null && typeof value === 'object') {
    const fields = Object.entries(value)
    if (fields.length === 0) return ' {}'
    return fields
      .map(([key, field]) => `\n${indent}${scalar(key)}:${nested(field, depth)}`)
      .join('')
  }
  return ` ${scalar(value)}`
}

function nested(value: Json, depth: number): string {
  return block(value, depth + 1)
}

/** The first field of an object stands on the line of its dash. */
function firstOnDash(value: Json, depth: number): string {
  return block(value, depth + 1).replace(/^\n\s*/, ' ')
}

function scalar(value: string | number | boolean | null): string {
  if (typeof value !== 'string') return String(value)
  const plain = /^[A-Za-z_/][\w./@-]*$/.test(value)
  const reserved = /^(?:y|n|yes|no|on|off|true|false|null|~)$/i.test(value)
  return plain && !reserved ? value : JSON.stringify(value)
}
