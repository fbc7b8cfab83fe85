/** Little-endian integers at any offset; 64-bit ones as numbers up to 2^53 - 1. */

const TWO_TO_32 = 0x1_0000_0000

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

export function setUint64(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value >>> 0, true)
  view.setUint32(offset + 4, Math.floor(value / TWO_TO_32), true)
}

/** May answer more than 2^53 - 1, rounded; check `Number.isSafeInteger` where bytes aren't trusted. */
export function getUint64(view: DataView, offset: number): number {
  return view.getUint32(offset + 4, true) * TWO_TO_32 + view.getUint32(offset, true)
}

/** The next multiple of eight. */
export function padded(bytes: number): number {
  return Math.ceil(bytes / 8) * 8
}

export function isZero(bytes: Uint8Array): boolean {
  for (const byte of bytes) if (byte !== 0) return false
  return true
}
