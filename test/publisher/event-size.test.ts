import { assert, it } from "@effect/vitest"
import { currencies } from "../../src/domain/money.ts"
