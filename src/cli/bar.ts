/** A bar of `width` characters, whole only when all is done. */
export function bar(done: number, width: number): string {
  const full = Math.floor(Math.min(1, Math.max(0, done)) * width)
  return `${'█'.repeat(full)}${'░'.repeat(width - full)}`
}
