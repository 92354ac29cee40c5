/*
 * Asks the process of this container how it is, for HEALTHCHECK and for Compose: `node infra/image/health.mjs /readyz`.
 * Status 0 if the operational route answers with success within two seconds, otherwise 1, and what it said. The image has no curl.
 */
const TIME_MS_MAX = 2_000
const [, , path = "/healthz"] = process.argv
const port = process.env.OPERATIONS_PORT ?? "9464"

try {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(TIME_MS_MAX) })
  process.stdout.write(`${answer.status} ${await answer.text()}\n`)
  if (!answer.ok) process.exitCode = 1
} catch (error) {
  process.stdout.write(`${error.message}\n`)
  process.exitCode = 1
}
