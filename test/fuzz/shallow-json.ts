/** JSON that can be walked by functions that call themselves. */

const deep = /\[{30}|(?:\{"\w+":){30}/

/** The value of a text, or `undefined` if it is no JSON or so deep that it is not worth a second change. */
export const shallowJson = (body: Buffer): unknown => {
  const text = body.toString()
  if (deep.test(text)) return undefined
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
