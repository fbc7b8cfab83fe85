/**
 * What clients asked and were told, and whether one order of it all explains every answer
 * (linearizability, after Wing and Gong, with Lowe's memory of what was tried). Keys know nothing of
 * each other, so each is checked by itself, as a register with delete and compare-and-swap.
 */
import type {Verdict} from './verdict.js'

/** Values are numbers, each written once; 0 is "no value". */
export interface Operation {
  readonly client: number
  readonly key: number
  readonly kind: 'read' | 'write' | 'delete' | 'swap'
  /** What a write or swap puts there. */
  readonly value: number
  /** What a swap wants to find. */
  readonly expected: number
  readonly invokedAt: number
  /** Infinity: no answer ever came. */
  returnedAt: number
  /** A read's value; 1 or 0 for whether a delete deleted and a swap swapped; undefined: not known. */
  outcome: number | undefined
}

/** Steps of the search for one key; beyond it the answer is "too long to tell", which is a failure. */
const STEPS_MAX = 4_000_000

export class History {
  readonly #verdict: Verdict
  readonly #byKey: Operation[][] = []
  #clock = 0
  operations = 0

  constructor(verdict: Verdict) {
    this.#verdict = verdict
  }

  invoke(operation: Pick<Operation, 'client' | 'key' | 'kind' | 'value' | 'expected'>): Operation {
    const invoked: Operation = {
      ...operation,
      invokedAt: this.#clock++,
      returnedAt: Number.POSITIVE_INFINITY,
      outcome: undefined,
    }
    let list = this.#byKey[operation.key]
    if (list === undefined) {
      list = []
      this.#byKey[operation.key] = list
    }
    list.push(invoked)
    this.operations++
    return invoked
  }

  answered(operation: Operation, outcome: number): void {
    operation.outcome = outcome
    operation.returnedAt = this.#clock++
  }

  /** It was refused for certain: it never happened. */
  refused(operation: Operation): void {
    const list = this.#byKey[operation.key]!
    list.splice(list.indexOf(operation), 1)
    this.operations--
  }

  check(): void {
    this.#byKey.forEach((operations, key) => {
      const result = linearize(operations)
      if (result === 'yes') return
      const why = result === 'no' ? 'no order explains the answers' : 'too long to tell'
      this.#verdict.violated(
        'linearizability',
        `key ${key}, ${operations.length} operations: ${why}`,
      )
    })
  }
}

/** An operation's call or return, in a list from which both are taken while it is placed. */
interface Node {
  readonly operation: Operation | undefined
  /** Of a call: its return. */
  readonly match: Node | undefined
  readonly id: number
  prev: Node | undefined
  next: Node | undefined
}

/**
 * Is there an order in which every answered operation, at one moment between call and return, fits?
 *
 * What can't lead to another verdict is not tried:
 *
 * - An operation without an answer may have happened or not, so it is placed only where its effect can
 *   matter: where it changes the value, and not where another, which needs no particular value, undoes
 *   it at once.
 * - What changes nothing and fits now is placed now.
 * - A value that was written once is not overwritten while somebody is yet to see it.
 * - Values that nobody looks for are one value.
 */
export function linearize(
  operations: readonly Operation[],
  stepsMax = STEPS_MAX,
): 'yes' | 'no' | 'unknown' {
  const relevant = operations.filter(({kind, outcome}) => kind !== 'read' || outcome !== undefined)
  const head = listOf(relevant)
  const values = new Values(relevant)
  const tried = new Set<number>()
  const placed: Placed[] = []
  let left = relevant.filter(isAnswered).length
  let high = 0
  let low = 0
  let state = 0
  let node = free(head, state, values) ?? head.next
  for (let steps = 0; left > 0; steps++) {
    if (steps > stepsMax) return 'unknown'
    // The first return in the list: whoever was called before it was tried in vain.
    if (node === undefined || node.match === undefined) {
      const last = placed.pop()
      if (last === undefined) return 'no'
      state = last.state
      high ^= mark(last.node.id, 0x9e3779b1)
      low ^= mark(last.node.id, 0x85ebca6b)
      const operation = last.node.operation!
      if (isAnswered(operation)) left++
      values.unseen(operation)
      restore(last.node)
      node = last.only ? undefined : last.node.next
      continue
    }
    const operation: Operation = node.operation!
    const answered = isAnswered(operation)
    const next = values.after(state, operation)
    if (next !== undefined && mayMatter(operation, state, next, placed.at(-1)?.node)) {
      const nextHigh = high ^ mark(node.id, 0x9e3779b1)
      const nextLow = low ^ mark(node.id, 0x85ebca6b)
      const key = keyOf(nextHigh, nextLow, next * 2 + (answered ? 1 : 0))
      values.seen(operation)
      if (!tried.has(key) && (next === state || !values.isAwaited(state))) {
        tried.add(key)
        placed.push({node, state, only: isFree(operation, state, next)})
        state = next
        high = nextHigh
        low = nextLow
        if (answered) left--
        remove(node)
        node = free(head, state, values) ?? head.next
        continue
      }
      values.unseen(operation)
      if (isFree(operation, state, next)) {
        // Placed here before, in vain: and then any other way is in vain.
        node = undefined
        continue
      }
    }
    node = node.next
  }
  return 'yes'
}

interface Placed {
  readonly node: Node
  /** Before it. */
  readonly state: number
  /** Nothing else need be tried in its place. */
  readonly only: boolean
}

/** Stands for every value that nobody looks for. */
const ANY = -1

/** Which values are looked for, and by how many that are not placed yet. */
class Values {
  readonly #lookedFor = new Set<number>([0])
  readonly #writers = new Map<number, number>()
  readonly #awaiting = new Map<number, number>()

  constructor(operations: readonly Operation[]) {
    for (const operation of operations) {
      const {kind, value, expected, outcome} = operation
      if (kind === 'read') this.#lookedFor.add(outcome!)
      if (kind === 'swap') this.#lookedFor.add(expected)
      if (kind === 'write' || kind === 'swap') {
        this.#writers.set(value, (this.#writers.get(value) ?? 0) + 1)
      }
      this.unseen(operation)
    }
  }

  /** The value after the operation; undefined when its answer does not fit `state`. */
  after(state: number, operation: Operation): number | undefined {
    const next = after(state, operation)
    return next === undefined || this.#lookedFor.has(next) ? next : ANY
  }

  /** Must somebody see this value before it goes for good? */
  isAwaited(value: number): boolean {
    return (this.#awaiting.get(value) ?? 0) > 0 && this.#writers.get(value) === 1
  }

  seen(operation: Operation): void {
    const value = seenBy(operation)
    if (value !== undefined) this.#awaiting.set(value, this.#awaiting.get(value)! - 1)
  }

  unseen(operation: Operation): void {
    const value = seenBy(operation)
    if (value !== undefined) this.#awaiting.set(value, (this.#awaiting.get(value) ?? 0) + 1)
  }
}

/** The value that the operation's answer says was there. */
function seenBy({kind, expected, outcome}: Operation): number | undefined {
  if (kind === 'read') return outcome === 0 ? undefined : outcome
  return kind === 'swap' && outcome === 1 && expected !== 0 ? expected : undefined
}

/** The first call that may be placed now and whose answer says that it changes nothing. */
function free(head: Node, state: number, values: Values): Node | undefined {
  for (let node = head.next; node?.match !== undefined; node = node.next) {
    const operation = node.operation!
    if (isFree(operation, state, values.after(state, operation))) return node
  }
  return undefined
}

function isFree(operation: Operation, state: number, next: number | undefined): boolean {
  const {kind, outcome} = operation
  const changesNothing = kind === 'read' || (kind !== 'write' && outcome === 0)
  return isAnswered(operation) && changesNothing && next === state
}

function isAnswered({returnedAt}: Operation): boolean {
  return returnedAt !== Number.POSITIVE_INFINITY
}

/** Would an operation that takes `state` to `next`, right after `before`, show? */
function mayMatter(
  operation: Operation,
  state: number,
  next: number,
  before: Node | undefined,
): boolean {
  if (isAnswered(operation)) return true
  if (next === state) return false
  return operation.kind === 'swap' || before === undefined || isAnswered(before.operation!)
}

/** The value after the operation; undefined when its answer does not fit `state`. */
function after(state: number, {kind, value, expected, outcome}: Operation): number | undefined {
  switch (kind) {
    case 'read':
      return outcome === state ? state : undefined
    case 'write':
      return value
    case 'delete':
      return outcome === undefined || outcome === (state === 0 ? 0 : 1) ? 0 : undefined
    case 'swap': {
      const swaps = state === expected
      if (outcome !== undefined && outcome !== (swaps ? 1 : 0)) return undefined
      return swaps ? value : state
    }
  }
}

function listOf(operations: readonly Operation[]): Node {
  const moments: {at: number; node: Node}[] = []
  operations.forEach((operation, id) => {
    const end: Node = {operation: undefined, match: undefined, id, prev: undefined, next: undefined}
    const call: Node = {operation, match: end, id, prev: undefined, next: undefined}
    moments.push({at: operation.invokedAt, node: call}, {at: operation.returnedAt, node: end})
  })
  // Calls without an answer end together, behind everything; their order does not matter.
  moments.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
  const head: Node = {
    operation: undefined,
    match: undefined,
    id: -1,
    prev: undefined,
    next: undefined,
  }
  let last = head
  for (const {node} of moments) {
    node.prev = last
    last.next = node
    last = node
  }
  return head
}

function remove(call: Node): void {
  unlink(call)
  unlink(call.match!)
}

/** Undoes the newest `remove` of this call that is not undone. */
function restore(call: Node): void {
  relink(call.match!)
  relink(call)
}

function unlink(node: Node): void {
  node.prev!.next = node.next
  if (node.next !== undefined) node.next.prev = node.prev
}

function relink(node: Node): void {
  node.prev!.next = node
  if (node.next !== undefined) node.next.prev = node
}

function mark(id: number, salt: number): number {
  let hash = Math.imul(id + 1, salt)
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39)
  return hash ^ (hash >>> 15)
}

/** 53 bits for what is placed and the value: two of millions meet once in many thousand searches. */
function keyOf(high: number, low: number, state: number): number {
  const mixed = (low ^ mark(state, 0x27d4eb2f)) >>> 0
  const upper = (high ^ mark(state, 0x165667b1)) >>> 11
  return upper * 0x1_0000_0000 + mixed
}
