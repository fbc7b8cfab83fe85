import {RaftctlError} from '../errors.js'

/**
 * host:port as typed, checked but not resolved. Hosts: a name, an IPv4 address, or an IPv6 address
 * in brackets. RAFTCTL_USAGE names what is wrong.
 */
export function checkEndpoint(text: string, {portZero = false} = {}): string {
  const match = /^(\[[0-9a-fA-F:.%a-z]+\]|[A-Za-z0-9][A-Za-z0-9._-]{0,252}):(\d{1,5})$/.exec(text)
  const port = match ? Number(match[2]) : -1
  if (!match || port > 65_535 || (port === 0 && !portZero)) {
    throw new RaftctlError('RAFTCTL_USAGE', `"${text}" is not HOST:PORT`, {
      hint: 'Give a name or an address and a port, such as 127.0.0.1:7400 or [::1]:7400.',
    })
  }
  return text
}

/** A list separated by commas, as in RAFTCTL_ENDPOINTS. */
export function splitEndpoints(text: string): string[] {
  return text
    .split(',')
    .map(part => part.trim())
    .filter(part => part !== '')
    .map(part => checkEndpoint(part))
}

/** Whether only this machine can reach it. */
export function isLoopback(endpoint: string): boolean {
  const host = endpoint.slice(0, endpoint.lastIndexOf(':')).replace(/^\[|\]$/g, '')
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host)
}
