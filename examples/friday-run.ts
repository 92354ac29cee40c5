/**
 * A marketplace's Friday run: pays the sellers of a week from a file, each once, and reports what was not paid and why. Start it again
 * after whatever happened, also a power cut: the week names the batch, so that the same file is the same batch.
 *
 *   ATLASPAY_URL=… ATLASPAY_API_KEY=… node --conditions=atlaspay-source examples/friday-run.ts examples/payouts.csv 2026-W48
 */
import { openAsBlob } from "node:fs"
import { AtlasPayError, atlasPay, KeyReused, Problem } from "atlaspay/client"

const { ATLASPAY_URL: url = "http://127.0.0.1:8080", ATLASPAY_API_KEY: apiKey = "" } = process.env
const [path, week] = process.argv.slice(2)
if (path === undefined || week === undefined) throw new Error("Name a file of payouts and a week")
const client = atlasPay({ url, apiKey })
const file = await openAsBlob(path)
const payouts = { contentType: "text/csv", terms: { reference: `sellers ${week}` } } as const

/** Shows where the money would go, and fails if a row is wrong, before anything is paid. */
const look = async () => {
  const { itemCount, totals, routes, warnings = [] } = await client.dryRunFile(file, payouts)
  console.log(`${itemCount} payouts of ${JSON.stringify(totals)}`)
  for (const { scheme, bank, items, expectedArrival } of routes)
    console.log(`  ${items} by ${scheme}, ${bank ?? "no bank"}, should arrive on ${expectedArrival}`)
  for (const { detail } of warnings) console.log(`  warning: ${detail}`)
}

const pay = async () => {
  const { id, isReplayed } = await client.postFile(file, { ...payouts, idempotencyKey: `sellers-${week}` })
  console.log(`${id} was ${isReplayed ? "accepted before" : "accepted"}`)
  for await (const { version, type } of client.eventStream(id)) {
    console.log(`  ${version} ${type}`)
    if ((await client.batch(id, { atLeast: version })).needsAttention) break
  }
  const batch = await client.settled(id)
  console.log(`${id} is ${batch.state}${batch.needsAttention ? ", and waits for a person" : ""}`)
  return id
}

const report = async (id: string) => {
  const state = ["failed", "returned", "rejected", "cancelled", "held", "parked"] as const
  for await (const { reference, amount, state: now, reason, failure } of client.items(id, { state })) {
    process.exitCode = 1
    const why = failure === undefined ? (reason ?? "") : `${failure.meaning} Next: ${failure.nextAction}`
    console.log(`  ${reference}: ${amount.value} ${amount.currency} ${now}: ${why}`)
  }
}

try {
  await look()
  await report(await pay())
} catch (error) {
  if (!(error instanceof AtlasPayError)) throw error
  process.exitCode = 2
  console.error(error.message)
  if (error instanceof KeyReused)
    console.error(`The week was paid by ${error.batch}, from another file: read it.`)
  else if (error instanceof Problem && !error.mayBeDone) console.error("Nothing was paid: mend that first.")
  else console.error("Start this again with the same file and week: nothing is paid twice.")
}
