/** The settings under which an adapter is held to the contract: small, so that limits are reached. */
export const PARTITIONS = 4
export const MAILBOX_MAX = 3
export const SHARE = 2
