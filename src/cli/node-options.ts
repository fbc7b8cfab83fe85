import {resolve} from 'node:path'
import {RaftctlError} from '../errors.js'
import {parseBytes} from './byte-size.js'
import {checkEndpoint, isLoopback} from './endpoint.js'
import type {ConfiguredSetting} from './node-config.js'
import {type NodeFlags, type NodeSettingName, nodeSettingFlags} from './node-flags.js'
import type {NodeLogRecord} from './node-log.js'
import {parseWhole} from './number-flag.js'
import {securityFrom} from './security-flags.js'

const LEVELS: readonly NodeLogRecord['level'][] = ['error', 'warn', 'info', 'debug', 'trace']
const HEARTBEAT_MS = 50
const ELECTION_MS = 150
const KIBI = 1024
const MEBI = KIBI * KIBI
const TEBI = MEBI * MEBI

/** What a node is to be, whoever said so. */
export type NodeOptions = ReturnType<typeof nodeOptions>

/**
 * Flags (the environment among them) over the file. RAFTCTL_USAGE names the flag, or file and line;
 * also for a node that strangers could listen in on, or speak to as anybody.
 */
export function nodeOptions(flags: NodeFlags, file: ReadonlyMap<string, ConfiguredSetting>) {
  const given = new Given(flags, file)
  const listen = given.take('listen', text => checkEndpoint(text, {portZero: true}))
  const dataDir = given.take('data-dir', text => text)
  if (listen === undefined) throw missing('listen', 'HOST:PORT')
  if (dataDir === undefined) throw missing('data-dir', 'DIRECTORY')
  const metricsListen = given.take('metrics-listen', text => checkEndpoint(text, {portZero: true}))
  const security = securityOf(given)
  const insecure = given.take('insecure', trueOrFalse) ?? false
  if (!insecure) {
    refuseExposed(listen, security)
    if (metricsListen !== undefined) refuseExposed(metricsListen, security)
  }
  return {
    listen,
    dataDir,
    metricsListen,
    advertise: given.take('advertise', text => checkEndpoint(text)),
    name: given.take('name', text => text),
    security,
    settings: settingsOf(given),
    logLevel: given.take('log-level', levelOf) ?? 'info',
    logFile: given.take('log-file', text => resolve(text)),
  }
}

/** What was set, and by whom, so that whatever is wrong with it can be said where it stands. */
class Given {
  readonly #flags: NodeFlags
  readonly #file: ReadonlyMap<string, ConfiguredSetting>

  constructor(flags: NodeFlags, file: ReadonlyMap<string, ConfiguredSetting>) {
    this.#flags = flags
    this.#file = file
  }

  /** undefined where nobody set it. */
  take<T>(name: NodeSettingName, parse: (text: string, label: string) => T): T | undefined {
    const flag = this.#flags[name]
    if (flag !== undefined) return parse(String(flag), `--${name}`)
    const line = this.#file.get(name)
    if (line === undefined) return undefined
    try {
      return parse(line.text, name)
    } catch (error) {
      if (!(error instanceof RaftctlError)) throw error
      const {code, message, hint} = error
      throw new RaftctlError(code, `${line.place}: ${message}`, {hint, cause: error})
    }
  }
}

function securityOf(given: Given) {
  const path = (name: NodeSettingName) => given.take(name, text => text)
  const {tls, tokenFile} = securityFrom({
    'tls-ca': path('tls-ca'),
    'tls-cert': path('tls-cert'),
    'tls-key': path('tls-key'),
    'token-file': path('token-file'),
  })
  const clientCa = given.take('client-ca', text => resolve(text))
  return {
    tls: (tls ?? clientCa) ? {...tls, clientCa} : undefined,
    tokenFile,
    peerTokenFile: given.take('peer-token-file', text => resolve(text)),
  }
}

/** Only what was set: the rest has its default where it is used. */
function settingsOf(given: Given) {
  const bytes = (name: NodeSettingName, min: number, max: number) =>
    given.take(name, (text, flag) => parseBytes(text, {flag, min, max}))
  const whole = (name: NodeSettingName, min: number, max: number) =>
    given.take(name, (text, flag) => parseWhole(text, {flag, min, max}))
  const heartbeatMs = whole('heartbeat-ms', 10, 10_000)
  const set = {
    heartbeatMs,
    electionMs: whole('election-ms', 2 * (heartbeatMs ?? HEARTBEAT_MS), 60_000),
    snapshotEntries: whole('snapshot-entries', 0, 1e9),
    snapshotLogBytesMin: bytes('snapshot-log-bytes-min', 0, TEBI),
    snapshotBytesPerSecond: given.take('snapshot-bytes-per-second', (text, flag) =>
      text === '0' ? 0 : parseBytes(text, {flag, min: 64 * KIBI, max: TEBI}),
    ),
    snapshotChunkBytes: bytes('snapshot-chunk-bytes', KIBI, 3 * MEBI),
    lowDiskBytes: bytes('low-disk-bytes', 0, TEBI),
  }
  if (set.electionMs === undefined && 2 * (heartbeatMs ?? 0) > ELECTION_MS) {
    throw new RaftctlError('RAFTCTL_USAGE', 'elections would begin between two heartbeats', {
      hint: `Set election-ms to at least ${2 * heartbeatMs!}, better three times heartbeat-ms.`,
    })
  }
  return Object.fromEntries(
    Object.entries(set).filter(([, value]) => value !== undefined),
  ) as Partial<Record<keyof typeof set, number>>
}

function levelOf(text: string, label: string): NodeLogRecord['level'] {
  const level = LEVELS.find(one => one === text)
  if (level !== undefined) return level
  throw new RaftctlError('RAFTCTL_USAGE', `${label} ${text} is none of ${LEVELS.join(', ')}`)
}

function trueOrFalse(text: string, label: string): boolean {
  if (text === 'true' || text === 'false') return text === 'true'
  throw new RaftctlError('RAFTCTL_USAGE', `${label} ${text} is neither true nor false`)
}

function missing(name: NodeSettingName, value: string): RaftctlError {
  return new RaftctlError('RAFTCTL_USAGE', `a node needs --${name} ${value}`, {
    hint: `Give it as a flag, as ${nodeSettingFlags[name].env}, or in the file of --config.`,
  })
}

/** RAFTCTL_USAGE where strangers could listen in, or speak as anybody. */
function refuseExposed(
  listen: string,
  {tls, tokenFile}: {tls?: unknown; tokenFile?: string | undefined},
): void {
  if (tls !== undefined) return
  if (!isLoopback(listen)) {
    throw new RaftctlError('RAFTCTL_USAGE', `${listen} can be reached from other machines`, {
      hint: 'Give --tls-ca, --tls-cert and --tls-key, listen on 127.0.0.1, or add --insecure.',
    })
  }
  if (tokenFile !== undefined) return
  throw new RaftctlError('RAFTCTL_USAGE', 'every user of this machine could command the node', {
    hint: 'Give --token-file, or --tls-ca, --tls-cert and --tls-key, or add --insecure.',
  })
}
