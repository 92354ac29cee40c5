/** Makes a request smaller as long as what is wrong with its answer stays the same. */
import type { FuzzRequest } from "./request.ts"
import { shallowJson } from "./shallow-json.ts"

/** Each try is a request to the service. */
const TRIES_MAX = 120

/** Gives the smallest request found. `isStill` sends one and returns whether the same is wrong with its answer. */
export const shrunken = async (
  request: FuzzRequest,
  isStill: (request: FuzzRequest) => Promise<boolean>,
): Promise<FuzzRequest> => {
  let smallest = request
  let tries = 0
  for (let isSmaller = true; isSmaller; ) {
    isSmaller = false
    for (const smaller of smallerThan(smallest)) {
      if (tries >= TRIES_MAX) return smallest
      tries += 1
      if (!(await isStill(smaller))) continue
      smallest = smaller
      isSmaller = true
      break
    }
  }
  return smallest
}

/** Requests with one thing less, the largest first. */
function* smallerThan(request: FuzzRequest): Generator<FuzzRequest> {
  const { query, headers, body, raw } = request
  if (query.length > 4) yield { ...request, query: query.slice(0, query.length / 2) }
  if (headers.length > 8) yield { ...request, headers: headers.slice(0, headers.length / 2) }
  for (const at of headers.keys()) yield { ...request, headers: headers.toSpliced(at, 1) }
  for (const at of query.keys()) yield { ...request, query: query.toSpliced(at, 1) }
  if (request.coding === "gzip") yield { ...request, coding: "identity" }
  if (request.isChunked) yield { ...request, isChunked: false }
  if (body !== undefined) for (const smaller of smallerBodies(body)) yield { ...request, body: smaller }
  if (raw !== undefined && raw.length > 1)
    yield { ...request, raw: raw.subarray(0, Math.floor(raw.length / 2)) }
}

function* smallerBodies(body: Buffer): Generator<Buffer> {
  const value = shallowJson(body)
  if (value !== undefined)
    for (const smaller of smallerValues(value)) {
      const text = Buffer.from(JSON.stringify(smaller) ?? "")
      if (text.length < body.length) yield text
    }
  for (let length = Math.floor(body.length / 2); length > 0; length = Math.floor(length / 4))
    for (const at of [0, body.length - length])
      yield Buffer.concat([body.subarray(0, at), body.subarray(at + length)])
}

function* smallerValues(value: unknown): Generator<unknown> {
  if (Array.isArray(value)) {
    for (const at of value.keys()) yield value.toSpliced(at, 1)
    for (const [at, inner] of value.entries())
      for (const smaller of smallerValues(inner)) yield value.with(at, smaller)
  } else if (typeof value === "object" && value !== null) {
    for (const [name, inner] of Object.entries(value)) {
      yield Object.fromEntries(Object.entries(value).filter(([other]) => other !== name))
      for (const smaller of smallerValues(inner)) yield { ...value, [name]: smaller }
    }
  } else if (typeof value === "string" && value.length > 1) yield value.slice(0, value.length / 2)
}
