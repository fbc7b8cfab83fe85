/**
 * Everything that a node can be told: as a flag, as RAFTCTL_NODE_… in the environment, or as a line
 * of the file of --config, in this order.
 */
import * as Flags from '@oclif/core/flags'

function setting(name: string, summary: string, helpValue: string, options?: readonly string[]) {
  return Flags.string({summary, helpValue, env: variableOf(name), ...(options && {options})})
}

/** RAFTCTL_NODE_DATA_DIR of data-dir. */
function variableOf(name: string): string {
  return `RAFTCTL_NODE_${name.replaceAll('-', '_').toUpperCase()}`
}

/** The defaults named are those of DEFAULT_SETTINGS; a test compares. */
export const nodeSettingFlags = {
  listen: setting('listen', 'Where to listen; port 0 takes a free one. Needed.', 'HOST:PORT'),
  'data-dir': setting('data-dir', 'Where the node keeps its data. Needed.', 'DIRECTORY'),
  advertise: setting('advertise', 'Where others reach it, if not where it listens.', 'HOST:PORT'),
  name: setting('name', 'Its name among the members; the host by default.', 'NAME'),
  'metrics-listen': setting(
    'metrics-listen',
    'Serve /metrics (role monitor) and /healthz over HTTP, or HTTPS with --tls-cert.',
    'HOST:PORT',
  ),
  'tls-ca': setting(
    'tls-ca',
    'Speak TLS; the authority that signed the nodes, and clients unless --client-ca.',
    'FILE',
  ),
  'tls-cert': setting('tls-cert', 'Certificate of this node.', 'FILE'),
  'tls-key': setting('tls-key', 'Key of that certificate.', 'FILE'),
  'client-ca': setting(
    'client-ca',
    'Authorities that client certificates, those of nodes among them, must come from.',
    'FILE',
  ),
  'token-file': setting('token-file', 'Tokens to accept: lines of ROLE NAME SHA256.', 'FILE'),
  'peer-token-file': setting(
    'peer-token-file',
    'The token that this node shows to others, where they have no TLS.',
    'FILE',
  ),
  'log-level': setting('log-level', 'The least that is logged, info by default.', 'LEVEL', [
    ...['error', 'warn', 'info', 'debug', 'trace'],
  ]),
  'log-file': setting(
    'log-file',
    'Log to this file instead of standard error, 16 MiB at most together with FILE.1.',
    'FILE',
  ),
  'heartbeat-ms': setting(
    'heartbeat-ms',
    'Between heartbeats of a leader, 10 to 10000; 100 by default. The same on all nodes.',
    'N',
  ),
  'election-ms': setting(
    'election-ms',
    'Smallest election timeout, twice --heartbeat-ms to 60000; 200 by default. The same on all.',
    'N',
  ),
  'snapshot-entries': setting(
    'snapshot-entries',
    'Entries from one snapshot to the next, 0 to 10^9; 5000 by default, 0: on demand only.',
    'N',
  ),
  'snapshot-log-bytes-min': setting(
    'snapshot-log-bytes-min',
    'By how much the log must have grown besides, 0 to 1TiB; 64MiB by default. Fewer entries that ' +
      'fill four times as much count as well.',
    'SIZE',
  ),
  'snapshot-bytes-per-second': setting(
    'snapshot-bytes-per-second',
    'How fast a snapshot is sent to a peer, 64KiB to 1TiB; 64MiB by default, 0: no limit.',
    'SIZE',
  ),
  'snapshot-chunk-bytes': setting(
    'snapshot-chunk-bytes',
    'In pieces of which size, 1KiB to 3MiB; 256KiB by default.',
    'SIZE',
  ),
  'low-disk-bytes': setting(
    'low-disk-bytes',
    'With less free on its disk a node takes no writes, 0 to 1TiB; 256MiB by default.',
    'SIZE',
  ),
  insecure: Flags.boolean({
    summary: 'Start though others can listen in, or nobody has to show who they are.',
    env: 'RAFTCTL_NODE_INSECURE',
  }),
}

export type NodeSettingName = keyof typeof nodeSettingFlags

/** Those that name a file or directory: in a configuration file, relative to that. */
export const PATH_SETTINGS: ReadonlySet<string> = new Set<NodeSettingName>([
  ...(['data-dir', 'tls-ca', 'tls-cert', 'tls-key', 'client-ca'] as const),
  ...(['token-file', 'peer-token-file', 'log-file'] as const),
])

/** What `nodeSettingFlags` parses to. */
export type NodeFlags = {readonly [name in NodeSettingName]?: string | boolean | undefined}
