/**
 * The floor: the least that accepting a batch can cost with the same libraries and the same durability. It parses the
 * body, adds it to a stream of a Redis that syncs each write to disk, and answers: no key, no validation, no events.
 * Reads PORT, OPERATIONS_PORT and REDIS_URL from the environment.
 */
import { serve } from "@hono/node-server"
import { Hono } from "hono"
import { Redis } from "ioredis"

/** Limits the memory of Redis. */
const ENTRIES_MAX = 10_000

const redis = new Redis(process.env.REDIS_URL ?? "")

const app = new Hono()
  .get("/readyz", async (c) => c.text(await redis.ping()))
  .post("/payout-batches", async (c) => {
    const body = await c.req.text()
    const { items } = JSON.parse(body)
    const id = await redis.xadd("floor", "MAXLEN", "~", ENTRIES_MAX, "*", "body", body)
    return c.json({ id, itemCount: items.length }, 202)
  })

for (const port of [process.env.PORT, process.env.OPERATIONS_PORT])
  serve({ fetch: app.fetch, hostname: "127.0.0.1", port: Number(port) })
