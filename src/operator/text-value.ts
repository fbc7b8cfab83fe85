/** Stored bytes as JSON can carry them: text where they are text, else base64. */
export interface TextValue {
  readonly text: string
  readonly encoding: 'utf8' | 'base64'
}

// A byte order mark is part of the value.
const strict = new TextDecoder('utf-8', {fatal: true, ignoreBOM: true})

export function textValueOf(data: Uint8Array): TextValue {
  try {
    return {text: strict.decode(data), encoding: 'utf8'}
  } catch {
    return {text: Buffer.from(data).toString('base64'), encoding: 'base64'}
  }
}

export function bytesOf({text, encoding}: TextValue): Uint8Array {
  return Buffer.from(text, encoding)
}
