import {hostname, userInfo} from 'node:os'

/** Who types, as the membership's history shows it: user@host. */
export function actorName(env: Readonly<Record<string, string | undefined>>): string {
  return `${userName(env)}@${hostname()}`
}

/** A container's user may have no entry in its table of users. */
function userName(env: Readonly<Record<string, string | undefined>>): string {
  try {
    return userInfo().username
  } catch {
    return env.USER ?? `uid-${process.getuid?.() ?? 'unknown'}`
  }
}
