/**
 * Who may call what. Every method has a row, and a method without one is refused: what is forgotten
 * here fails closed.
 */
import {RaftctlError} from '../../errors.js'

/** `peer` is another node of the cluster; the others are people and programs. */
export type Role = 'admin' | 'write' | 'read' | 'monitor' | 'peer'

export const ROLES: readonly Role[] = ['admin', 'write', 'read', 'monitor', 'peer']

/** Each role and what it includes: `write` may read, and whoever reads may see status and metrics. */
const INCLUDES: Readonly<Record<Role, readonly Role[]>> = {
  admin: ['admin', 'write', 'read', 'monitor'],
  write: ['write', 'read', 'monitor'],
  read: ['read', 'monitor'],
  monitor: ['monitor'],
  peer: ['peer'],
}

type Need = 'nobody in particular' | readonly Role[]

const {admin, write, read, monitor, peer} = {
  admin: ['admin'],
  write: ['write'],
  read: ['read'],
  monitor: ['monitor'],
  peer: ['peer'],
} as const

/** By path: any of the roles named is enough. */
const NEEDS: Readonly<Record<string, Need>> = {
  '/raftctl.v1.ClusterService/Initialise': admin,
  // The node that an admin told to initialise a cluster makes the others join.
  '/raftctl.v1.ClusterService/Join': ['admin', 'peer'],
  '/raftctl.v1.ClusterService/Status': ['monitor', 'peer'],
  '/raftctl.v1.ClusterService/ChangeMembership': admin,
  '/raftctl.v1.ClusterService/TransferLeadership': admin,
  '/raftctl.v1.ClusterService/MembershipHistory': monitor,
  '/raftctl.v1.LogService/LogEntriesRange': read,
  '/raftctl.v1.LogService/Follow': read,
  // Fingerprints tell whether data is what one guesses.
  '/raftctl.v1.LogService/Terms': read,
  '/raftctl.v1.SnapshotService/Create': admin,
  '/raftctl.v1.SnapshotService/List': monitor,
  '/raftctl.v1.SnapshotService/Delete': admin,
  // What a whole cluster is to hold.
  '/raftctl.v1.SnapshotService/Upload': admin,
  // All data in one file.
  '/raftctl.v1.SnapshotService/Download': admin,
  '/raftctl.v1.MetricsService/Watch': monitor,
  '/raftctl.v1.KeyValueService/Put': write,
  '/raftctl.v1.KeyValueService/Delete': write,
  '/raftctl.v1.KeyValueService/Get': read,
  '/raftctl.v1.KeyValueService/Range': read,
  '/raftctl.v1.KeyValueService/OpenSession': write,
  '/raftctl.v1.KeyValueService/Pipeline': write,
  '/raftctl.v1.KeyValueService/Watch': read,
  // Makes every member read its whole state.
  '/raftctl.v1.KeyValueService/Checkpoint': admin,
  '/raftctl.v1.KeyValueService/Hash': read,
  '/raftctl.v1.PeerService/Exchange': peer,
  '/raftctl.v1.PeerService/InstallSnapshot': peer,
  '/grpc.health.v1.Health/Check': 'nobody in particular',
  '/grpc.health.v1.Health/Watch': 'nobody in particular',
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo': monitor,
  '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo': monitor,
}

export function isRole(text: string): text is Role {
  return (ROLES as readonly string[]).includes(text)
}

/** Whether the method has a row. */
export function isKnownMethod(path: string): boolean {
  return Object.hasOwn(NEEDS, path)
}

/** Health: whoever balances load or restarts processes need not know a secret. */
export function isOpenToAll(path: string): boolean {
  return isKnownMethod(path) && NEEDS[path] === 'nobody in particular'
}

/** Someone who has shown who they are. */
export interface Caller {
  /** For people: the name of the token or of the certificate. */
  readonly name: string
  readonly roles: readonly Role[]
}

/** RAFTCTL_NOT_AUTHORISED names the role that is needed and those that are held. */
export function refuseUnlessAllowed(path: string, caller: Caller): void {
  const need = isKnownMethod(path) ? NEEDS[path]! : []
  if (need === 'nobody in particular') return
  const held = new Set(caller.roles.flatMap(role => INCLUDES[role]))
  if (need.some(role => held.has(role))) return
  const method = path.slice(path.lastIndexOf('.') + 1)
  const needed = need.length === 0 ? 'is open to no role' : `needs the role ${need.join(' or ')}`
  throw new RaftctlError(
    'RAFTCTL_NOT_AUTHORISED',
    `${method} ${needed}; "${caller.name}" holds ${caller.roles.join(', ')}`,
    {
      hint: 'Use a token or a certificate with that role.',
      details: {method, needed: [...need], held: [...caller.roles]},
    },
  )
}
