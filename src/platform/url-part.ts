/** A user or password of a URL without its percent-encoding; `undefined` if it has a % that encodes nothing: there, drivers throw. */
export const decoded = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
