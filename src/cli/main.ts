#!/usr/bin/env node
import { enableCompileCache } from "node:module"

// What was compiled is kept for the next start, which then takes half the time.
enableCompileCache()
// Before any schema is made, so that each is compiled when it is first used.
await import("effect/schema/SchemaJITCompiler/enable")
await import("./atlaspay.ts")
