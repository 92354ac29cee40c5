export const withLock: <A>(path: string, waitMs: number, action: () => A) => A
