/** A fingerprint of everything that happened, in order: two runs of one seed must give the same. */
export class Trace {
  #high = 0x243f6a88
  #low = 0x85a308d3

  add(a: number, b: number, c: number): void {
    this.#mix(a)
    this.#mix(b)
    this.#mix(c)
  }

  addBytes(bytes: Uint8Array): void {
    for (const byte of bytes) this.#mix(byte)
  }

  /** Sixteen hexadecimal digits. */
  get digest(): string {
    return [this.#high, this.#low].map(part => (part >>> 0).toString(16).padStart(8, '0')).join('')
  }

  #mix(value: number): void {
    this.#high = Math.imul(this.#high ^ value, 0x01000193) ^ (this.#low >>> 7)
    this.#low = Math.imul(this.#low ^ (value + 0x9e37), 0x5bd1e995) ^ (this.#high >>> 13)
  }
}
