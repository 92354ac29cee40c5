/** For how long tests wait for what comes at once, on a machine that is busy with other things. Vitest's own second is too short for that. */
export const PATIENCE_MS = 20_000
