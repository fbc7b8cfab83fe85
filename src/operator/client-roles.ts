/** What a client may be allowed, the most first; each includes those after it. */
export const CLIENT_ROLES = ['admin', 'write', 'read', 'monitor'] as const

export type ClientRole = (typeof CLIENT_ROLES)[number]
