const alphabet = "abcdefghijklmnopqrstuvwxyz234567"

/** The first `length` characters of bytes in base 32 (RFC 4648, lower case, no padding). */
export const base32 = (bytes: Uint8Array, length: number): string => {
  let text = ""
  for (let index = 0; index < length; index += 1) {
    const bit = index * 5
    const pair = ((bytes[bit >> 3] ?? 0) << 8) | (bytes[(bit >> 3) + 1] ?? 0)
    text += alphabet.charAt((pair >> (11 - (bit & 7))) & 31)
  }
  return text
}
