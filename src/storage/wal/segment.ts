import {RaftctlError} from '../../errors.js'
import type {FileSystem, OpenFile} from '../file-system.js'
import {baseName} from '../file-system.js'
import {
  decodeHeader,
  HEADER_BYTES,
  parseSegmentName,
  type SegmentHeader,
  segmentName,
} from './format.js'

/** One file of the log, and where its live batches stand. */
export class Segment {
  readonly path: string
  readonly header: SegmentHeader
  /** Where the next batch goes: behind the last whole one. */
  end = HEADER_BYTES
  /** First live index of each live batch with entries, ascending; and the batch's place. */
  readonly firsts: number[] = []
  readonly offsets: number[] = []
  /** Holds a batch that is durable; only then may the segments before it go. */
  isSettled = false
  #file: OpenFile | undefined

  constructor(path: string, header: SegmentHeader, file?: OpenFile) {
    this.path = path
    this.header = header
    this.#file = file
  }

  get firstIndex(): number {
    return this.header.prev.index + 1
  }

  /** Opened at the first need, and then kept until `close`. */
  file(fs: FileSystem): OpenFile {
    this.#file ??= fs.open(this.path, 'write')
    return this.#file
  }

  addBatch(first: number, offset: number): void {
    this.truncateFrom(first)
    this.firsts.push(first)
    this.offsets.push(offset)
  }

  /** Batches that only hold entries at or after `index` are dead. */
  truncateFrom(index: number): void {
    while (this.firsts.length > 0 && this.firsts.at(-1)! >= index) {
      this.firsts.pop()
      this.offsets.pop()
    }
  }

  close(): void {
    this.#file?.close()
    this.#file = undefined
  }
}

/** The segments of a directory in order, their names checked; contents are not looked at. */
export function listSegments(directory: string, names: readonly string[]): string[] {
  const segments = names.filter(name => parseSegmentName(name) !== undefined)
  segments.forEach((name, i) => {
    const before = i === 0 ? undefined : parseSegmentName(segments[i - 1]!)!.sequence
    const {sequence} = parseSegmentName(name)!
    if (before !== undefined && sequence !== before + 1) {
      throw new RaftctlError(
        'RAFTCTL_DATA_DAMAGED',
        `segment ${before + 1} of the log in ${directory} is missing`,
        {hint: REPLACE_HINT, details: {directory, missingSequence: before + 1}},
      )
    }
  })
  return segments
}

/** Reads and checks a segment's header, against its name too. */
export function readHeader(file: OpenFile): SegmentHeader {
  const bytes = new Uint8Array(HEADER_BYTES)
  const read = decodeHeader(bytes.subarray(0, file.read(bytes, 0)))
  const expectedName = baseName(file.path)
  if (read.kind === 'newer') {
    throw new RaftctlError(
      'RAFTCTL_FORMAT_NEWER',
      `${file.path} was written by a newer raftctl (log format ${read.version})`,
      {
        hint: 'Start this node with that version, or a later one.',
        details: {file: file.path, version: read.version},
      },
    )
  }
  const index = parseSegmentName(expectedName)?.firstIndex
  if (read.kind === 'damaged') {
    throw damaged(file.path, 0, index, 'the header of the segment is damaged')
  }
  const {header} = read
  if (segmentName(header.sequence, header.prev.index + 1) !== expectedName) {
    throw damaged(file.path, 0, index, 'the file bears the name of another segment')
  }
  return header
}

export const REPLACE_HINT =
  'Keep the files for analysis. If the other members are healthy, give this one an empty directory ' +
  'and run "raftctl member replace".'

/** Damage that no crash explains: the node must not start, or go on, on such a log. */
export function damaged(
  file: string,
  offset: number,
  index: number | undefined,
  what: string,
): RaftctlError {
  return new RaftctlError(
    'RAFTCTL_DATA_DAMAGED',
    `${what}: ${file}, offset ${offset}, log index ${index ?? 'unknown'}`,
    {hint: REPLACE_HINT, details: {file, offset, index: index ?? null}},
  )
}

export function segmentPath(directory: string, header: SegmentHeader): string {
  return `${directory}/${segmentName(header.sequence, header.prev.index + 1)}`
}
