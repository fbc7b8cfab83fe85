/**
 * Bytes as strings of one character a byte (code units 0 to 255), so that they can be keys of a Map
 * and compare in byte order; and 64-bit integers in both byte orders.
 */
export type ByteString = string

const TWO_TO_32 = 0x1_0000_0000

export function toByteString(bytes: Uint8Array): ByteString {
  return Buffer.prototype.latin1Slice.call(bytes, 0, bytes.length)
}

export function fromByteString(text: ByteString): Uint8Array {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}

/** Big-endian, so that byte order is number order. `value` is an integer from 0 to 2^53 - 1. */
export function uint64Key(value: number): ByteString {
  let text = ''
  let high = Math.floor(value / TWO_TO_32)
  let low = value >>> 0
  for (let i = 0; i < 4; i++) {
    text = String.fromCharCode(low & 0xff) + text
    low >>>= 8
  }
  for (let i = 0; i < 4; i++) {
    text = String.fromCharCode(high & 0xff) + text
    high >>>= 8
  }
  return text
}

/** Reads eight characters from `offset`. NaN beyond 2^53 - 1. */
export function readUint64Key(text: ByteString, offset: number): number {
  let value = 0
  for (let i = 0; i < 8; i++) value = value * 256 + text.charCodeAt(offset + i)
  return Number.isSafeInteger(value) ? value : Number.NaN
}

/** Little-endian. `value` is an integer from 0 to 2^53 - 1. */
export function writeUint64(bytes: Uint8Array, offset: number, value: number): void {
  writeUint32(bytes, offset, value >>> 0)
  writeUint32(bytes, offset + 4, Math.floor(value / TWO_TO_32))
}

/** Little-endian. NaN beyond 2^53 - 1, which no writer here produces. */
export function readUint64(bytes: Uint8Array, offset: number): number {
  const value = readUint32(bytes, offset + 4) * TWO_TO_32 + readUint32(bytes, offset)
  return Number.isSafeInteger(value) ? value : Number.NaN
}

export function writeUint32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value & 0xff
  bytes[offset + 1] = (value >>> 8) & 0xff
  bytes[offset + 2] = (value >>> 16) & 0xff
  bytes[offset + 3] = (value >>> 24) & 0xff
}

export function readUint32(bytes: Uint8Array, offset: number): number {
  const low = bytes[offset]! | (bytes[offset + 1]! << 8) | (bytes[offset + 2]! << 16)
  return (low | (bytes[offset + 3]! << 24)) >>> 0
}

export function writeUint16(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value & 0xff
  bytes[offset + 1] = (value >>> 8) & 0xff
}

export function readUint16(bytes: Uint8Array, offset: number): number {
  return bytes[offset]! + bytes[offset + 1]! * 0x100
}
