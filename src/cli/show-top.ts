/** `top` at a terminal: pictures come, keys are pressed, the window changes its size. */
import type {ClusterPicture} from '../operator/watch-cluster.js'
import {type LiveScreen, openScreen} from './live-screen.js'
import {SORTS, TopHistory, topLines} from './views/top-view.js'

export interface TopShow {
  readonly context: string | undefined
  readonly colour: boolean
  /** Resolves when it is told to end from outside. */
  readonly toldToStop: Promise<void>
}

const QUIT: ReadonlySet<string> = new Set(['q', 'Q', '\u0003', '\u0004'])
const STEPS: Readonly<Record<string, number>> = {
  '\u001b[C': 1,
  '\u001bOC': 1,
  s: 1,
  '\u001b[D': -1,
  '\u001bOD': -1,
}

/** Until a key, the end of the pictures or `toldToStop`; the terminal is given back in any case. */
export async function showTop(
  pictures: AsyncIterator<ClusterPicture>,
  {context, colour, toldToStop}: TopShow,
): Promise<void> {
  const history = new TopHistory()
  let screen: LiveScreen | undefined
  let picture: ClusterPicture | undefined
  let sort = 0
  const redraw = () => {
    if (screen === undefined || picture === undefined) return
    const manner = {...screen.size(), context, colour, sort: SORTS[sort]!}
    screen.draw(topLines(picture, history, manner))
  }
  try {
    // Until something answered there is nothing to show, and a failure is for the normal screen.
    let next = await Promise.race([pictures.next(), toldToStop])
    let quit = () => {}
    const quitted = new Promise<void>(resolve => {
      quit = resolve
    })
    const onKey = (key: string) => {
      if (QUIT.has(key)) quit()
      sort = (sort + (STEPS[key] ?? 0) + SORTS.length) % SORTS.length
      redraw()
    }
    while (next !== undefined && !next.done) {
      picture = next.value
      history.add(picture)
      screen ??= openScreen(process, {onKey, onResize: redraw})
      redraw()
      next = await Promise.race([pictures.next(), toldToStop, quitted])
    }
  } finally {
    screen?.close()
  }
}
