import {isAscii, isUtf8} from 'node:buffer'

/** Stored bytes as JSON can carry them: text where they are text, else base64. */
export interface TextValue {
  readonly text: string
  readonly encoding: 'utf8' | 'base64'
}

// Not a TextDecoder: that one takes a byte order mark away, and several times as long.
export function textValueOf(data: Uint8Array): TextValue {
  if (isAscii(data)) return {text: slices.latin1Slice.call(data), encoding: 'utf8'}
  if (isUtf8(data)) return {text: slices.utf8Slice.call(data), encoding: 'utf8'}
  return {text: slices.base64Slice.call(data), encoding: 'base64'}
}

/** What `Buffer.toString` comes to, without a Buffer to be made of each piece. */
const slices = Buffer.prototype as unknown as Record<
  'latin1Slice' | 'utf8Slice' | 'base64Slice',
  (this: Uint8Array) => string
>

export function bytesOf({text, encoding}: TextValue): Uint8Array {
  return Buffer.from(text, encoding)
}
