#!/usr/bin/env node
import { enableCompileCache } from "node:module"

// What was compiled is kept for the next start, which then takes half the time.
enableCompileCache()
await import("./atlaspay.ts")
