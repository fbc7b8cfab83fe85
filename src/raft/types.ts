/**
 * The vocabulary of the core. Integers that look alike are branded, because mixing them up is how
 * Raft goes wrong: a term is never an index, an index is never a node.
 */

declare const brand: unique symbol
type Branded<Base, Name extends string> = Base & {readonly [brand]: Name}

/** Logical time of elections (paper §5.1). Integer, 0 to 2^53 - 1; 0 is "before the first election". */
export type Term = Branded<number, 'Term'>
/** Position in the log (paper §5.3). Integer, 0 to 2^53 - 1; the first entry has index 1. */
export type LogIndex = Branded<number, 'LogIndex'>
/** A member's identity, drawn from the membership's counter and never used again. Integer, from 1. */
export type NodeId = Branded<number, 'NodeId'>
/** The Raft group a message belongs to. Integer, from 1; a process hosts one group for now. */
export type GroupId = Branded<number, 'GroupId'>

export const term = (value: number): Term => value as Term
export const logIndex = (value: number): LogIndex => value as LogIndex
export const nodeId = (value: number): NodeId => value as NodeId
export const groupId = (value: number): GroupId => value as GroupId

/** An entry's place in history: two logs that hold the same position agree up to it (paper §5.3). */
export interface LogPosition {
  readonly index: LogIndex
  readonly term: Term
}

/** The position before the first entry, which every log holds. */
export const ORIGIN: LogPosition = {index: logIndex(0), term: term(0)}

/**
 * What an entry is for. `blank` commits a new leader's term (thesis §6.4), `command` is for the state
 * machine, `membership` carries the whole membership that holds from its index on.
 */
export type EntryKind = 'blank' | 'command' | 'membership'

/**
 * One log entry. `record` is its only encoding: the bytes that the log stores are the bytes that
 * travel to peers, made once by `encodeEntry` and never again.
 */
export interface Entry {
  readonly index: LogIndex
  readonly term: Term
  readonly kind: EntryKind
  readonly record: Uint8Array
}

/**
 * What must be durable besides entries (paper, figure 2). `commitIndex` is safety state here, not a
 * hint: a membership takes effect when applied, so a node must know how far it had to apply.
 */
export interface HardState {
  readonly term: Term
  readonly votedFor: NodeId | undefined
  readonly commitIndex: LogIndex
}

export type Role = 'follower' | 'pre-candidate' | 'candidate' | 'leader' | 'learner' | 'observer'
