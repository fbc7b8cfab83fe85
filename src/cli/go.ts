/**
 * Waits until whoever started this process has written down that it exists. False when its end of
 * the pipe closes first: then nobody would ever find this process again, and it must not go on.
 */
export async function awaitGo(input: NodeJS.ReadStream): Promise<boolean> {
  let text = ''
  for await (const chunk of input) {
    text += String(chunk)
    if (text.includes('\n')) break
  }
  input.destroy()
  return text.startsWith('go\n')
}
