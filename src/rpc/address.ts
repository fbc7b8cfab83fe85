/** host:port, as nodes and people write it. */
export interface Address {
  /** Without brackets. */
  readonly host: string
  /** 0 to 65535; 0 asks for a free one where that makes sense. */
  readonly port: number
}

const ADDRESS_MAX = 261
const FORM = /^(?:\[(?<v6>[0-9a-fA-F:.%\w]+)\]|(?<host>[A-Za-z0-9._-]+)):(?<port>\d{1,5})$/

/** Reads HOST:PORT or [IPV6]:PORT; undefined for anything else. */
export function parseAddress(text: string): Address | undefined {
  if (text.length > ADDRESS_MAX) return undefined
  const groups = FORM.exec(text)?.groups
  const host = groups?.v6 ?? groups?.host
  const port = Number(groups?.port)
  if (host === undefined || !(port <= 65_535)) return undefined
  return {host, port}
}

/** Can it be dialled: a well-formed address with a port that is not 0? */
export function isAddress(text: string): boolean {
  const address = parseAddress(text)
  return address !== undefined && address.port !== 0
}

export function formatAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
