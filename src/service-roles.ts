/** The parts that a service can run; `serve --roles api,worker` picks some. */
export const roles = [
  "api",
  "worker",
  "bank-files",
  "projector",
  "publisher",
  "webhooks",
  "archiver",
] as const

export type Role = (typeof roles)[number]
