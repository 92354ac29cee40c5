/** Postgres goes away: what runs accepts batches without it, what starts says that it needs it for its tables. */
import { expect, it } from "vitest"
import { freePort, PlatformUnderTest } from "../platform-under-test.ts"
import { SetBackServer } from "../safety/set-back-server.ts"

const oneItem = {
  items: [
    {
      reference: "invoice-1",
      amount: { currency: "EUR", value: "1.00" },
      beneficiary: { name: "Ada Lovelace", account: { scheme: "iban", iban: "DE89370400440532013000" } },
    },
  ],
}

it("batches are accepted while Postgres is away, and paid once it is back", {
  timeout: 120_000,
}, async () => {
  await using database = await SetBackServer.start("postgres")
  await using platform = await PlatformUnderTest.open({ DATABASE_URL: database.url })
  const service = await platform.start()
  const id = await database.without(async () => {
    const id = await platform.submit("meanwhile", oneItem)
    const another = platform.start({ PORT: String(await freePort()) })
    await expect(another).rejects.toThrow(/the service ended \(1\)/)
    await expect(another).rejects.toThrow(/Postgres: [a-z ]+ failed/)
    return id
  })
  expect((await platform.closed(id)).state).toBe("settled")
  expect(service.lines.filter((line) => line.includes("the schema was migrated"))).toHaveLength(1)
})
