/**
 * Certificates for a cluster of one's own: an authority, and what it signs for nodes and clients. The
 * role of a client stands in its certificate's OU.
 */
import 'reflect-metadata'
import {randomBytes, webcrypto} from 'node:crypto'
import {link, mkdir, open, readFile, rename, rm} from 'node:fs/promises'
import {isIP} from 'node:net'
import {join} from 'node:path'
import * as x509 from '@peculiar/x509'
import {RaftctlError} from '../errors.js'
import type {ClientRole} from './client-roles.js'

export interface CertificateWish {
  /** Where the files are put, and where the authority's are. */
  readonly directory: string
  /** From 1. */
  readonly days: number
  /** Replaces files that are there. */
  readonly overwrite: boolean
}

export interface MadeCertificate {
  readonly subject: string
  readonly hosts: readonly string[]
  /** RFC 3339. */
  readonly notAfter: string
  readonly certPath: string
  readonly keyPath: string
  readonly caPath: string
}

const ALGORITHM = {name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256'}
const DAY_MS = 86_400_000
/** Clocks of machines differ. */
const SKEW_MS = 300_000
const SERVER_AND_CLIENT = [x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]
const CA_NAME = 'ca'

const crypto = webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[0]

/** A new authority. RAFTCTL_REFUSED when there is one. */
export async function makeAuthority(wish: CertificateWish): Promise<MadeCertificate> {
  const keys = await newKeys()
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serial(),
      name: [{CN: ['raftctl CA']}],
      ...validity(wish.days),
      signingAlgorithm: ALGORITHM,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(
          x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
          true,
        ),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, crypto),
      ],
    },
    crypto,
  )
  return save(wish, CA_NAME, certificate, keys.privateKey, [])
}

/** For a node, under every name or address that others use for it. */
export async function makeNodeCertificate(
  hosts: readonly string[],
  wish: CertificateWish,
): Promise<MadeCertificate> {
  for (const host of hosts) checkHost(host)
  const names = hosts.map(host => ({
    type: isIP(host) === 0 ? ('dns' as const) : ('ip' as const),
    value: host,
  }))
  const subject = {CN: hosts[0]!.slice(0, 64), OU: 'raftctl:peer'}
  const extensions = [
    new x509.SubjectAlternativeNameExtension(names),
    new x509.ExtendedKeyUsageExtension(SERVER_AND_CLIENT),
  ]
  const {certificate, key} = await sign(wish, subject, extensions)
  return save(wish, `node-${fileName(hosts[0]!)}`, certificate, key, hosts)
}

export async function makeClientCertificate(
  name: string,
  role: ClientRole,
  wish: CertificateWish,
): Promise<MadeCertificate> {
  if (!/^[A-Za-z][\w.@-]{0,62}$/.test(name)) {
    throw new RaftctlError('RAFTCTL_USAGE', `"${name}" can't be the name of a client`, {
      hint: 'A letter, then letters, digits, ".", "@", "_" and "-".',
    })
  }
  const subject = {CN: name, OU: `raftctl:${role}`}
  const extensions = [new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth])]
  const {certificate, key} = await sign(wish, subject, extensions)
  return save(wish, `client-${fileName(name)}`, certificate, key, [])
}

async function sign(
  {directory, days}: CertificateWish,
  {CN, OU}: {readonly CN: string; readonly OU: string},
  extensions: x509.Extension[],
): Promise<{certificate: x509.X509Certificate; key: webcrypto.CryptoKey}> {
  const authority = await readAuthority(directory)
  const keys = await newKeys()
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: serial(),
      subject: [{CN: [CN]}, {OU: [OU]}],
      issuer: authority.certificate.subjectName,
      ...validity(days),
      signingAlgorithm: ALGORITHM,
      publicKey: keys.publicKey,
      signingKey: authority.key,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, crypto),
        await x509.AuthorityKeyIdentifierExtension.create(authority.certificate, false, crypto),
        ...extensions,
      ],
    },
    crypto,
  )
  return {certificate, key: keys.privateKey}
}

async function readAuthority(directory: string) {
  const certPath = join(directory, `${CA_NAME}.crt`)
  const keyPath = join(directory, `${CA_NAME}.key`)
  try {
    const certificate = new x509.X509Certificate(await readFile(certPath, 'utf8'))
    const der = x509.PemConverter.decodeFirst(await readFile(keyPath, 'utf8'))
    const key = await webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign'])
    return {certificate, key}
  } catch (cause) {
    const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
    throw new RaftctlError(
      missing ? 'RAFTCTL_FILE_NOT_FOUND' : 'RAFTCTL_DATA_DAMAGED',
      missing
        ? `there is no authority in ${directory}`
        : `the authority in ${directory} is damaged`,
      {hint: 'Make one with "raftctl cert ca", or say where it is with --dir.', cause},
    )
  }
}

async function save(
  {directory, overwrite}: CertificateWish,
  name: string,
  certificate: x509.X509Certificate,
  privateKey: webcrypto.CryptoKey,
  hosts: readonly string[],
): Promise<MadeCertificate> {
  await mkdir(directory, {recursive: true, mode: 0o700})
  const certPath = join(directory, `${name}.crt`)
  const keyPath = join(directory, `${name}.key`)
  const der = await webcrypto.subtle.exportKey('pkcs8', privateKey)
  // The key first: a certificate without its key is refused by whoever reads both.
  await put(keyPath, `${x509.PemConverter.encode(der, 'PRIVATE KEY')}\n`, 0o600, overwrite)
  try {
    await put(certPath, `${certificate.toString('pem')}\n`, 0o644, overwrite)
  } catch (error) {
    if (!overwrite) await rm(keyPath, {force: true})
    throw error
  }
  return {
    subject: certificate.subject,
    hosts,
    notAfter: certificate.notAfter.toISOString(),
    certPath,
    keyPath,
    caPath: join(directory, `${CA_NAME}.crt`),
  }
}

/** Whole or not at all, readable as `mode` says from the first moment on. */
async function put(path: string, text: string, mode: number, overwrite: boolean): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.partial`
  const file = await open(temporary, 'wx', mode)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  try {
    if (overwrite) await rename(temporary, path)
    else await link(temporary, path)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') {
      throw new RaftctlError('RAFTCTL_REFUSED', `${path} is there already`, {
        hint: 'Give --overwrite to replace it; what it signed or opened will then be refused.',
      })
    }
    throw error
  } finally {
    await rm(temporary, {force: true})
  }
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
}

/** Positive, 16 random bytes. */
function serial(): string {
  const bytes = randomBytes(16)
  bytes[0] = (bytes[0]! & 0x7f) | 0x40
  return bytes.toString('hex')
}

function validity(days: number): {notBefore: Date; notAfter: Date} {
  const now = Date.now()
  return {notBefore: new Date(now - SKEW_MS), notAfter: new Date(now + days * DAY_MS)}
}

function checkHost(host: string): void {
  if (isIP(host) !== 0 || /^(?=.{1,253}$)(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/.test(host))
    return
  throw new RaftctlError('RAFTCTL_USAGE', `"${host}" is neither a host name nor an address`, {
    hint: 'Name hosts without ports, such as node1.example.org or 10.0.0.11.',
  })
}

function fileName(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9._-]/g, '_')
}
