const PREFIX_DEFAULT = "ap"
const PARTITIONS_DEFAULT = 16

/** Where logs lie in Redis by the settings of the service, for commands that take no others: the prefix of all keys, and the partitions. */
export const logKeys = () => ({
  prefix: process.env.STREAM_PREFIX || PREFIX_DEFAULT,
  partitions: Number(process.env.PARTITIONS || PARTITIONS_DEFAULT),
})
